"""Cases of the rules in passes/rules/dropout.py."""

from cases import Case

CASES = (
    Case("dropout-of-nothing", "y, b = Dropout(x, zero, yes)"),
    Case("dropout-of-nothing", "y = Dropout(x, half, yes)", "drops at random"),
)
