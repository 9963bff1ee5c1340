"""Cases of the rules in passes/rules/scales.py."""

from cases import Case

CASES = (
    Case("scale-last", "r = Relu(x) s = Mul(r, half) y = Mul(z, s)"),
    Case("scales-of-both-factors", "a = Mul(x, two) b = Mul(z, half) y = MatMul(a, b)"),
    Case("scales-of-both-factors", "a = Mul(x, two) b = Mul(z, g5) y = MatMul(a, b)", "has shape"),
    Case("scale-last", "a = Mul(g5, half) y = Mul(x, a)", "product of constants"),
    Case(
        "scales-of-both-factors",
        "a = Mul(m, two) b = Mul(x, half) y = MatMul(a, b)",
        "product of constants",
        x="float[3,5]",
    ),
)
