"""Cases of the rules in passes/rules/columns_to_image.py."""

from cases import Case

CASES = (
    Case(
        "col2im",
        ("y = Col2Im<pads = [1, 0, 0, 1], strides = [2, 1]>(x, image, block)"),
        x="float[1,12,12]",
    ),
)
