"""Cases of the rules in passes/rules/conv_transpose.py."""

from cases import Case

CASES = (
    Case(
        "conv-3d-groups",
        ("y = Conv<group = 2, pads = [1, 0, 0, 0, 0, 1]>(x, grouped5)"),
        x="float[1,4,3,3,3]",
    ),
    Case(
        "conv-transpose-dilated", ("y = ConvTranspose<dilations = [2, 1], strides = [1, 2]>(x, wt)")
    ),
    Case(
        "conv-transpose-groups", ("y = ConvTranspose<group = 2, pads = [1, 0, 0, 1]>(x, wt, b12)")
    ),
    Case("conv-transpose-dilated", "y = ConvTranspose(x, wt)", "no gaps"),
    Case("conv-transpose-groups", "y = ConvTranspose(x, wt)", "one group"),
    Case("conv-3d-groups", "y = Conv(x, w)", "fewer axes"),
)
