"""Cases of the rules in passes/rules/conv_transpose.py."""

from cases import Case

CASES = (
    Case("conv-transpose-dilated", "y = ConvTranspose(x, wt)", "no gaps"),
    Case("conv-transpose-groups", "y = ConvTranspose(x, wt)", "one group"),
    Case("conv-3d-groups", "y = Conv(x, w)", "fewer axes"),
)
