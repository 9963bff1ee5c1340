"""Cases of the rules in passes/rules/hexagon_forms.py."""

from cases import Case

HEADS = "a = Reshape(x, merged) b = mmc.Linear(a, w20, g20) y = Reshape(b, parted)"
CASES = (
    Case("linear-of-merged-axes", HEADS, x="float[2,5,4,5]"),
    Case(
        "linear-of-merged-axes",
        "a = Reshape(x, merged) b = mmc.Linear(a, w20) y = Reshape(b, parted)",
        x="float[2,5,4,5]",
    ),
    Case("linear-of-merged-axes", HEADS, "are others", x="float[2,5,2,10]"),
    Case(
        "linear-of-merged-axes",
        "s = Add(z, w20) a = Reshape(x, merged) b = mmc.Linear(a, s) y = Reshape(b, parted)",
        "are computed",
        x="float[2,5,4,5]",
        z="float[20,20]",
    ),
)
