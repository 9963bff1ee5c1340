"""Cases of the rules in passes/rules/clips.py."""

from cases import Case

CASES = (
    Case("simple-clip", "y = Clip(x, zero, highest)"),
    Case("simple-clip", "y = Clip(x, zero, six)", "simplest form"),
    Case("simple-clip", "r = ReduceMax(z) s = Squeeze(r) y = Clip(x, s)", "computed"),
    Case("clip-clip", "a = Relu(x) y = Clip(a, minus, six)"),
    Case("clip-clip", "a = Clip(x, six, zero) y = Relu(a)", "wrong order"),
    Case("max-to-clip", "y = Max(x, zero)"),
    Case("max-to-clip", "y = Min(x, c4)", "not one number"),
    Case("prelu-of-one-slope", "y = PRelu(x, tenth)"),
    Case("prelu-of-one-slope", "y = PRelu(x, c4)", "differ"),
    Case("leaky-relu", "a = Mul(x, tenth) y = Max(x, a)"),
    Case("leaky-relu", "a = Mul(x, two) y = Max(x, a)", "between 0 and 1"),
    Case("leaky-relu", "a = Mul(z, half) y = Max(x, a)", "different values"),
    Case("prelu-of-two-sides", "a = Relu(x) b = Neg(x) c = Relu(b) d = Mul(c, c4) y = Add(a, d)"),
    Case(
        "prelu-of-two-sides",
        "a = Relu(x) b = Neg(z) c = Relu(b) d = Mul(c, c4) y = Add(a, d)",
        "different values",
    ),
    Case("max-to-clip", "y = Max(x, nan)", "limit is NaN"),
)
