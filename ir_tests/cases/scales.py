"""Cases of the rules in passes/rules/scales.py."""

from cases import Case

CASES = (
    Case("scales-of-both-factors", "a = Mul(x, two) b = Mul(z, half) y = MatMul(a, b)"),
    Case("scales-of-both-factors", "a = Mul(x, two) b = Mul(z, g5) y = MatMul(a, b)", "has shape"),
)
