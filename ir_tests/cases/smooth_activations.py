"""Cases of the rules in passes/rules/smooth_activations.py."""

from cases import Case

CASES = (
    Case("gelu-twice", "a = Mul(x, root) b = Erf(a) c = Add(b, one) y = Mul(x, c)"),
    Case("gelu-twice", "a = Mul(x, half) b = Erf(a) c = Add(b, one) y = Mul(x, c)", "expected 0.7"),
    Case(
        "gelu-half-first",
        "h = Mul(x, half) a = Mul(x, root) b = Erf(a) c = Add(b, one) y = Mul(h, c)",
    ),
    Case(
        "gelu-half-inside",
        "a = Mul(x, root) b = Erf(a) c = Add(b, one) d = Mul(c, half) y = Mul(x, d)",
    ),
    Case(
        "gelu-tanh-twice",
        "p = Pow(x, three) q = Mul(p, cubic) r = Add(x, q) s = Mul(r, slope) t = Tanh(s) "
        "u = Add(t, one) y = Mul(x, u)",
    ),
    Case(
        "gelu-tanh-half-first",
        "h = Mul(x, half) p = Mul(x, x) q = Mul(p, cubic) r = Add(q, one) g = Mul(x, slope) "
        "s = Mul(g, r) t = Tanh(s) u = Add(t, one) y = Mul(h, u)",
    ),
    Case(
        "gelu-tanh-half-inside",
        "p = Pow(x, three) q = Mul(p, cubic) r = Add(x, q) s = Mul(r, slope) t = Tanh(s) "
        "u = Add(t, one) v = Mul(u, half) y = Mul(x, v)",
    ),
    Case("silu", "a = Sigmoid(x) y = Mul(x, a)"),
    Case("silu", "a = Sigmoid(z) y = Mul(x, a)", "two different values"),
    Case("sigmoid", "a = Neg(x) b = Exp(a) c = Add(b, one) y = Reciprocal(c)"),
    Case("recognize-softplus", "b = Exp(x) c = Add(b, one) y = Log(c)"),
    Case("recognize-mish", "a = Softplus(x) b = Tanh(a) y = Mul(x, b)"),
    Case(
        "recognize-softmax",
        "a = ReduceMax(x, i2) b = Sub(x, a) e = Exp(b) s = ReduceSum(e, i2) y = Div(e, s)",
    ),
    Case(
        "recognize-softmax",
        "a = ReduceMax(x, i1) b = Sub(x, a) e = Exp(b) s = ReduceSum(e, i2) y = Div(e, s)",
        "different axes",
    ),
    Case("softmax-without-max", "e = Exp(x) s = ReduceSum(e, i2) y = Div(e, s)"),
    Case("softmax-without-max", "e = Exp(x) s = ReduceSum(e, space) y = Div(e, s)", "one axis"),
    Case("log-softmax", "a = Softmax(x) y = Log(a)"),
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
    Case("log-softmax-of-sum", "a = ReduceLogSumExp(x, i2) y = Sub(x, a)"),
    Case("log-softmax-of-sum", "a = ReduceLogSumExp(x, space) y = Sub(x, a)", "one axis"),
    Case(
        "softmax-between-transposes",
        "a = Transpose<perm = [0, 2, 3, 1]>(x) b = LogSoftmax<axis = 2>(a) "
        "y = Transpose<perm = [0, 3, 1, 2]>(b)",
    ),
    Case(
        "softmax-between-transposes",
        "a = Transpose<perm = [0, 2, 3, 1]>(x) b = Softmax(a) "
        "y = Transpose<perm = [0, 2, 1, 3]>(b)",
        "do not cancel",
    ),
)
