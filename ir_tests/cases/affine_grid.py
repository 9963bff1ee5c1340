"""Cases of the rules in passes/rules/affine_grid.py."""

from cases import Case

CASES = (Case("affine-grid", "y = AffineGrid(x, grid_size)", x="float[2,2,3]"),)
