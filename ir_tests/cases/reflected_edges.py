"""Cases of the rules in passes/rules/reflected_edges.py."""

from cases import Case

REFLECT = 'y = Pad <mode = "reflect"> (x, '

CASES = (
    Case("reflected-edges", f"{REFLECT}edges4)", x="float[1,4,5,6]"),
    Case("reflected-edges", f"{REFLECT}none_four, , last)", x="float[2,5]"),
    Case("reflected-edges", f"{REFLECT}three_four, , last)", "two operators more", x="float[2,5]"),
    Case("reflected-edges", "y = Pad (x, edges4)", "does not reflect", x="float[1,4,5,6]"),
    Case("reflected-edges", f"{REFLECT}less_more, , last)", "it crops", x="float[2,5]"),
    Case("reflected-edges", f"{REFLECT}no_more, , last)", "adds nothing", x="float[2,5]"),
)
