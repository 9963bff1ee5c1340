"""Cases of the rules in passes/rules/parted_layers.py."""

from cases import Case

TIME = "float[1,2,9]"
PARTS = "p, q = Split <axis = 1, num_outputs = 2> (x)"
SAME = "a = mmc.Linear (p, w3of9, up_bias3) b = mmc.Linear (q, w3of9, up_bias3)"
OTHER = "a = mmc.Linear (p, w3of9, up_bias3) b = mmc.Linear (q, again3of9, up_bias3)"

CASES = (
    Case("layer-of-parts", f"{PARTS} {SAME} y = Concat <axis = 0> (a, b)", x=TIME),
    Case("layer-of-parts", f"{PARTS} {SAME} y = Concat <axis = 1> (a, b)", x="float[2,2,9]"),
    Case("layer-of-parts", "y = Concat <axis = 0> (x, z)", "does not join layers"),
    Case("layer-of-parts", f"{PARTS} {OTHER} y = Concat <axis = 0> (a, b)", "not equal", x=TIME),
    Case("layer-of-parts", f"{PARTS} {SAME} y = Concat <axis = 0> (b, a)", "in order", x=TIME),
    Case(
        "layer-of-parts",
        f"{PARTS} {SAME} y = Concat <axis = 0> (a, b)",
        "another axis",
        x="float[2,2,9]",
    ),
)
