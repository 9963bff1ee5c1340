"""Cases of the rules in passes/rules/folded_columns.py."""

from cases import Case

STEPS = "group = 1, dilations = [2, 1], strides = [1, 2], pads = [1, 0, 0, 0]"
PADDED = STEPS.replace("pads = [1, 0, 0, 0]", "pads = [0, 1, 0, 1]")
WAVE, WIDE = "float[2,5,8,1]", "float[2,5,8,4]"

CASES = (
    Case("columns-as-channels", f"y = mmc.Conv2d <{STEPS}> (x, wave4, few_bias)", x=WAVE),
    Case("columns-as-channels", f"y = mmc.Conv2dRelu <{STEPS}> (x, wide22, up_bias3)", x=WIDE),
    Case("columns-as-channels", f"y = mmc.Conv2d <{PADDED}> (x, wave4)", "pads or gaps", x=WAVE),
    Case(
        "columns-as-channels",
        f"y = mmc.Conv2d <{STEPS}> (x, wave4)",
        "part rows",
        x="float[2,5,9,1]",
    ),
)
