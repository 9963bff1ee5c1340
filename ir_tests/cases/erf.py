"""Cases of the rules in passes/rules/erf.py."""

from cases import Case

CASES = (Case("erf", "y = Erf(x)"),)
