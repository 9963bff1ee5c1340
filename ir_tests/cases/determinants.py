"""Cases of the rules in passes/rules/determinants.py."""

from cases import Case

CASES = (
    Case("determinant", "y = Det(x)", x="float[2,3,3]"),
    Case("determinant", "y = Det(x)", "20 by 20", x="float[2,20,20]"),
)
