"""Cases of the rules in passes/rules/few_filters.py."""

from cases import Case

PLAIN = "group = 1, dilations = [1, 1], strides = [1, 1], pads = [2, 2, 2, 2]"
GAPS = "group = 1, dilations = [1, 2], strides = [1, 1], pads = [2, 4, 2, 4]"
STEPS = "group = 1, dilations = [2, 1], strides = [1, 2], pads = [0, 0, 0, 0]"
LARGE = "float[1,32,32,8]"

CASES = (
    Case("conv-of-few-filters", f"y = mmc.Conv2d <{PLAIN}> (x, few1)", x=LARGE),
    Case(
        "conv-of-few-filters",
        f"y = mmc.Conv2dRelu <{STEPS}> (x, few2, few_bias)",
        x="float[2,1,998,1]",
    ),
    Case("conv-of-few-filters", f"y = mmc.Conv2d <{STEPS}> (x, few2)", x="float[1,1,12001,1]"),
    Case("conv-of-few-filters", f"y = mmc.Conv2d <{GAPS}> (x, few1)", "gaps between", x=LARGE),
    Case(
        "conv-of-few-filters", f"y = mmc.Conv2d <{PLAIN}> (x, few1)", "no large", x="float[1,8,8,8]"
    ),
    Case("conv-of-few-filters", f"y = mmc.Conv2d <{PLAIN}> (x, few8)", "not be faster", x=LARGE),
)
