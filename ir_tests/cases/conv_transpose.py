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
    Case(
        "conv-transpose-3d",
        "y = ConvTranspose<strides = [2, 1, 3], pads = [0, 1, 0, 1, 0, 1]>(x, grouped5)",
        x="float[1,6,3,3,2]",
    ),
    Case("conv-transpose-3d", "y = ConvTranspose(x, wt)", "fewer axes"),
    Case(
        "conv-transpose-3d",
        'y = ConvTranspose<auto_pad = "VALID">(x, grouped5)',
        "implicit",
        x="float[1,6,3,3,2]",
    ),
    Case(
        "conv-transpose-3d",
        "y = ConvTranspose<dilations = [1, 2, 1]>(x, grouped5)",
        "has gaps",
        x="float[1,6,3,3,2]",
    ),
    Case("conv-transpose-dilated", "y = ConvTranspose(x, wt)", "no gaps"),
    Case("conv-transpose-groups", "y = ConvTranspose(x, wt)", "one group"),
    Case("conv-3d-groups", "y = Conv(x, w)", "fewer axes"),
)
