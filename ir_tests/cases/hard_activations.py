"""Cases of the rules in passes/rules/hard_activations.py."""

from cases import Case

CASES = (
    Case("recognize-hard-sigmoid", "a = Add(x, three) b = Clip(a, zero, six) y = Mul(b, sixth)"),
    Case(
        "recognize-hard-sigmoid",
        "a = Add(x, two) b = Clip(a, zero, six) y = Mul(b, sixth)",
        "expected 3",
    ),
    Case("hard-sigmoid-unit", "a = Mul(x, tenth) b = Add(a, half) y = Clip(b, zero, one)"),
    Case("hard-swish", "a = HardSigmoid<alpha = 0.16666667, beta = 0.5>(x) y = Mul(x, a)"),
    Case("hard-swish", "a = HardSigmoid(x) y = Mul(x, a)", "not 1/6"),
    Case("hard-swish-times-six", "a = Add(x, three) b = Clip(a, zero, six) y = Mul(b, x)"),
    Case(
        "hard-swish-times-six",
        "a = Add(x, three) b = Clip(a, zero, six) y = Mul(b, z)",
        "two different values",
    ),
    Case(
        "hard-swish-scaled-first",
        "s = Mul(x, sixth) a = Add(x, three) b = Clip(a, zero, six) y = Mul(s, b)",
    ),
    Case(
        "hard-sigmoid-unit",
        "a = Mul(x, c4) b = Add(a, half) y = Clip(b, zero, one)",
        "not one number each",
    ),
    Case("hard-sigmoid-of-shifted", "a = Add(x, three) b = Mul(a, sixth) y = Clip(b, zero, one)"),
    Case(
        "hard-sigmoid-of-shifted",
        "a = Add(x, three) b = Mul(a, c4) y = Clip(b, zero, one)",
        "not one number each",
    ),
    Case(
        "hard-sigmoid-unit",
        "a = Mul(x, tenth) b = Add(a, c4) y = Clip(b, zero, one)",
        "not one number each",
    ),
    Case(
        "hard-sigmoid-of-shifted",
        "a = Add(x, c4) b = Mul(a, sixth) y = Clip(b, zero, one)",
        "not one number each",
    ),
)
