"""Cases of the rules in passes/rules/reshaped_layers.py."""

from cases import Case

ALONE = "group = 1, dilations = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0]"
CONV = f"a = mmc.Conv2d <{ALONE}> (x, up3of4, up_bias3)"
LINE = f"{CONV} b = Reshape (a, as253)"
OTHER = f"{CONV} b = Reshape (a, as235)"
WIDE = "float[2,1,5,4]"

CASES = (
    Case("activation-of-reshaped", f"{LINE} y = Relu (b)", x=WIDE),
    Case("activation-of-reshaped", f"{LINE} y = Clip (b, zero, six)", x=WIDE),
    Case("activation-of-reshaped", f"{LINE} y = Clip (b, zero, two)", "fuses only", x=WIDE),
    Case("bias-of-reshaped", f"{LINE} y = Add (b, up_bias3)", x=WIDE),
    Case("bias-of-reshaped", f"{LINE} y = Add (b, two)", x=WIDE),
    Case("bias-of-reshaped", f"{OTHER} y = Add (b, each5)", "number per channel", x=WIDE),
    Case("bias-of-reshaped", f"{LINE} y = Add (b, each15)", "number per channel", x=WIDE),
)
