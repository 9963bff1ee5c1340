"""Cases of the rules in passes/rules/deformable.py."""

from cases import Case

CASES = (
    Case("deform-conv", "y = DeformConv<kernel_shape = [1, 1]>(x, w, z)", z="float[1,2,5,5]"),
    Case(
        "deform-conv",
        "y = DeformConv<kernel_shape = [3]>(x, cube, z)",
        "not over two axes",
        x="float[1,5,5]",
        z="float[1,3,3]",
    ),
)
