"""Cases of the rules in passes/rules/triangles.py."""

from cases import Case

CASES = (
    Case("trilu", "y = Trilu<upper = 0>(x, one64)"),
    Case("eye-like", "y = EyeLike<k = 1>(x)", x="float[3,4]"),
)
