"""Cases of the rules in passes/rules/upsampling.py."""

from cases import Case

UP = "group = 1, dilations = [1, 1], strides = [2, 2], pads = [0, 0, 0, 0], output_padding = [0, 0]"
ROWS = UP.replace("strides = [2, 2]", "strides = [1, 3]")
DOWN = UP.replace("strides = [2, 2]", "strides = [3, 1]")
CROPS = UP.replace("pads = [0, 0, 0, 0]", "pads = [1, 0, 0, 0]")
GAPS = UP.replace("dilations = [1, 1]", "dilations = [2, 2]")
OVERLAPS = UP.replace("strides = [2, 2]", "strides = [1, 1]")
ALONE = "group = 1, dilations = [1, 1], strides = [1, 1], pads = [0, 0, 0, 0]"
STEPS = ALONE.replace("strides = [1, 1]", "strides = [2, 2]")
SMALL, SIXTEEN = "float[2,3,5,4]", "float[2,3,5,16]"
ONCE = f"a = mmc.Conv2d <{ALONE}> (x, up16, up_bias16) b = mmc.DepthToSpace <blocksize = 2> (a)"
TWICE = f"{ONCE} y = mmc.DepthToSpace <blocksize = 2> (b)"
BLOCKS = "a = mmc.DepthToSpace <blocksize = 2> (x)"

CASES = (
    Case("conv-transpose-of-blocks", f"y = mmc.ConvTranspose2d <{UP}> (x, up2, up_bias3)", x=SMALL),
    Case(
        "conv-transpose-of-blocks", f"y = mmc.ConvTranspose2d <{ROWS}> (x, up13, up_bias3)", x=SMALL
    ),
    Case(
        "conv-transpose-of-blocks",
        f"y = mmc.ConvTranspose2d <{DOWN}> (x, up31, up_bias3)",
        "no square",
        x=SMALL,
    ),
    Case(
        "conv-transpose-of-blocks",
        f"y = mmc.ConvTranspose2d <{CROPS}> (x, up2, up_bias3)",
        "crops",
        x=SMALL,
    ),
    Case(
        "conv-transpose-of-blocks",
        f"y = mmc.ConvTranspose2d <{OVERLAPS}> (x, up2, up_bias3)",
        "overlap",
        x=SMALL,
    ),
    Case(
        "conv-transpose-of-blocks",
        f"y = mmc.ConvTranspose2d <{GAPS}> (x, up2, up_bias3)",
        "has gaps",
        x=SMALL,
    ),
    Case("activation-of-blocks", f"{ONCE} y = Relu (b)", x=SMALL),
    Case("activation-of-blocks", f"{ONCE} y = Clip (b, zero, six)", x=SMALL),
    Case(
        "activation-of-blocks",
        f"{ONCE} y = Relu (b)".replace("Conv2d", "Conv2dRelu"),
        "an activation already",
        x=SMALL,
    ),
    Case("activation-of-blocks", f"{ONCE} y = Clip (b, zero, two)", "fuses only", x=SMALL),
    Case(
        "conv-of-blocks", f"{BLOCKS} y = mmc.Conv2dRelu <{ALONE}> (a, up3of4, up_bias3)", x=SIXTEEN
    ),
    Case(
        "conv-of-blocks",
        f"{BLOCKS} y = mmc.Conv2d <{ALONE}> (a, up5of4)",
        "more filters",
        x=SIXTEEN,
    ),
    Case(
        "conv-of-blocks",
        f"{BLOCKS} y = mmc.Conv2d <{STEPS}> (a, up3of4, up_bias3)",
        "single pixels",
        x=SIXTEEN,
    ),
    Case("blocks-of-blocks", TWICE, x=SMALL),
)
