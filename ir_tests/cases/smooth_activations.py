"""Cases of the rules in passes/rules/smooth_activations.py."""

from cases import Case

POWERS = "e = Exp(x) f = Add(e, two) n = Mul(e, f)"

CASES = (
    Case("silu", "a = Sigmoid(x) y = Mul(x, a)"),
    Case("silu", "a = Sigmoid(z) y = Mul(x, a)", "two different values"),
    Case("sigmoid", "a = Neg(x) b = Exp(a) c = Add(b, one) y = Reciprocal(c)"),
    Case("recognize-softplus", "b = Exp(x) c = Add(b, one) y = Log(c)"),
    Case("recognize-mish", "a = Softplus(x) b = Tanh(a) y = Mul(x, b)"),
    Case("times-sigmoid", "a = Neg(x) b = Exp(a) c = Add(b, one) y = Div(z, c)"),
    Case("times-sigmoid", "a = Neg(x) b = Exp(a) c = Add(b, two) y = Div(z, c)", "expected 1"),
    Case("recognize-softsign", "a = Abs(x) b = Add(a, one) y = Div(x, b)"),
    Case("recognize-softsign", "a = Abs(x) b = Add(a, one) y = Div(z, b)", "different values"),
    Case("softplus-above-limit", "a = Softplus(x) b = Greater(x, twenty) y = Where(b, x, a)"),
    Case(
        "softplus-above-limit",
        "a = Softplus(x) b = Greater(x, two) y = Where(b, x, a)",
        "differs from x just above",
    ),
    Case(
        "scaled-softplus-above-limit",
        "a = Mul(x, four) b = Softplus(a) c = Mul(b, quarter) d = Greater(a, twenty) "
        "y = Where(d, x, c)",
    ),
    Case(
        "scaled-softplus-above-limit",
        "a = Mul(x, four) b = Softplus(a) c = Mul(b, half) d = Greater(a, twenty) "
        "y = Where(d, x, c)",
        "inverse of each other",
    ),
    Case("stable-softplus", "a = Abs(x) b = Neg(a) c = Softplus(b) d = Relu(x) y = Add(d, c)"),
    Case(
        "stable-softplus",
        "a = Abs(z) b = Neg(a) c = Softplus(b) d = Relu(x) y = Add(d, c)",
        "different values",
    ),
    Case("sigmoid-of-exponentials", "e = Exp(x) a = Add(e, one) y = Div(e, a)"),
    Case("sigmoid-of-exponentials", "e = Exp(x) a = Add(e, two) y = Div(e, a)", "expected 1"),
    Case("sigmoid-of-tanh", "t = Tanh(x) a = Add(t, one) y = Mul(a, half)"),
    Case("sigmoid-of-tanh", "t = Tanh(x) a = Add(t, one) y = Mul(a, quarter)", "expected 0.5"),
    Case("sigmoid-of-halved-tanh", "t = Tanh(x) a = Mul(t, half) y = Add(a, half)"),
    Case("sigmoid-of-halved-tanh", "t = Tanh(x) a = Mul(t, half) y = Add(a, one)", "expected 0.5"),
    Case("softplus-up-to-limit", "a = Softplus(x) b = LessOrEqual(x, twenty) y = Where(b, a, x)"),
    Case(
        "softplus-up-to-limit",
        "a = Softplus(x) b = Less(x, twenty) y = Where(b, x, a)",
        "not made by Softplus",
    ),
    Case("softplus-of-sigmoid", "a = Neg(x) b = Sigmoid(a) c = Log(b) y = Neg(c)"),
    Case("softplus-of-sigmoid", "b = Sigmoid(x) c = Log(b) y = Neg(c)", "not made by Neg"),
    Case("mish-of-exponentials", f"{POWERS} d = Add(n, two) q = Div(n, d) y = Mul(x, q)"),
    Case(
        "mish-of-exponentials",
        f"{POWERS} d = Add(n, three) q = Div(n, d) y = Mul(x, q)",
        "not tanh",
    ),
    Case("mish-of-quotient-last", f"{POWERS} d = Add(n, two) k = Mul(x, n) y = Div(k, d)"),
    Case(
        "mish-of-quotient-last",
        f"{POWERS} d = Add(n, two) k = Mul(z, n) y = Div(k, d)",
        "not tanh",
    ),
)
