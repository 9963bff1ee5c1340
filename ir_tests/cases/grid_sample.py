"""Cases of the rules in passes/rules/grid_sample.py."""

from cases import Case

CASES = (
    Case(
        "grid-sample",
        ('y = GridSample<mode = "linear", padding_mode = "border", align_corners = 1>(x, z)'),
        x="float[1,2,4,5]",
        z="float[1,3,2,2]",
    ),
    Case(
        "grid-sample",
        'y = GridSample<mode = "nearest", padding_mode = "zeros">(x, z)',
        x="float[1,2,3,4]",
        z="float[1,3,2,2]",
    ),
    Case("grid-sample", 'y = GridSample<mode = "cubic">(x, z)', z="float[1,3,3,2]"),
)
