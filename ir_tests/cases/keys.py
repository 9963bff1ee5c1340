"""Cases of the rules in passes/rules/keys.py."""

from cases import Case

CASES = (
    Case(
        "keep-last-axis-of-keys",
        ("t = Transpose<perm = [0, 2, 3, 1]>(z) y = MatMul(x, t)"),
        x="float[1,5,2,4]",
        z="float[1,3,5,4]",
    ),
    Case(
        "keep-last-axis-of-keys",
        "t = Transpose<perm = [0, 2, 1, 3]>(z) y = MatMul(x, t)",
        "last but one",
        x="float[1,5,5,5]",
    ),
)
