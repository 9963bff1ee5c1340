"""Cases of the rules in passes/rules/grid_sample.py."""

from cases import Case

CASES = (
    Case("grid-sample", 'y = GridSample<mode = "cubic">(x, z)', "is cubic", z="float[1,3,3,2]"),
)
