"""Cases of the rules in passes/rules/inverse_trigonometry.py."""

from cases import Case

CASES = (
    Case("acos", "y = Acos(x)"),
    Case("asin", "y = Asin(x)"),
    Case("atan", "y = Atan(x)"),
)
