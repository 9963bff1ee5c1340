"""Cases of the rules in passes/rules/indexed_writes.py."""

from cases import Case

CASES = (
    Case(
        "scatter-elements",
        ('y = ScatterElements<axis = 1, reduction = "add">(x, places23, z)'),
        x="float[2,4]",
        z="float[2,3]",
    ),
    Case(
        "scatter-nd-reduction",
        'y = ScatterND<reduction = "max">(x, rows2, z)',
        x="float[4,3]",
        z="float[2,3]",
    ),
    Case(
        "scatter-nd-reduction",
        "y = ScatterND(x, rows2, z)",
        "are native",
        x="float[4,3]",
        z="float[2,3]",
    ),
    Case(
        "scatter-nd-reduction",
        'y = ScatterND<reduction = "max">(x, rows3000, z)',
        "too many to compare",
        x="float[2000]",
        z="float[3000]",
    ),
)
