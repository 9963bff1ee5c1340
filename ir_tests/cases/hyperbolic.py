"""Cases of the rules in passes/rules/hyperbolic.py."""

from cases import Case

CASES = (
    Case("acosh", "y = Acosh(x)"),
    Case("asinh", "y = Asinh(x)"),
    Case("atanh", "y = Atanh(x)"),
    Case("cosh", "y = Cosh(x)"),
    Case("sinh", "y = Sinh(x)"),
    Case("tan", "y = Tan(x)"),
)
