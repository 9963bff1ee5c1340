"""Cases of the rules in passes/rules/channels_last.py."""

from cases import Case

CROP = 'coordinate_transformation_mode = "tf_crop_and_resize"'
CASES = (
    Case("conv-to-channels-last", ("y = Conv<pads = [1, 0, 0, 1], strides = [2, 1]>(x, w3, b6)")),
    Case("conv-to-channels-last", ("y = Conv<group = 4, dilations = [1, 2]>(x, depthwise)")),
    Case(
        "conv-transpose-to-channels-last",
        ("y = ConvTranspose<strides = [2, 1], pads = [1, 0, 0, 1]>(x, wt, b6)"),
    ),
    Case("depth-space-to-channels-last", "y = DepthToSpace<blocksize = 2>(x)", x="float[1,12,2,3]"),
    Case(
        "pool-to-channels-last",
        (
            "y = AveragePool<kernel_shape = [2, 3], pads = [1, 0, 0, 1], strides = "
            "[1, 2], count_include_pad = 1>(x)"
        ),
    ),
    Case("resize-to-channels-last", 'y = Resize<mode = "linear">(x, , , size10)'),
    Case(
        "pool-to-channels-last",
        'y = MaxPool<kernel_shape = [2, 2], auto_pad = "SAME_UPPER">(x)',
        "auto_pad=SAME_UPPER",
    ),
    Case(
        "pool-to-channels-last",
        "y = MaxPool<kernel_shape = [2, 2], ceil_mode = 1>(x)",
        "ceil_mode has not",
    ),
    Case(
        "pool-to-channels-last",
        "y = MaxPool<kernel_shape = [2]>(x)",
        "has rank 3",
        x="float[1,4,5]",
    ),
    Case(
        "conv-transpose-to-channels-last", "y = ConvTranspose<group = 2>(x, wt)", "groups have not"
    ),
    Case(
        "conv-transpose-to-channels-last",
        "y = ConvTranspose<output_shape = [6, 6]>(x, wt)",
        "output_shape has not",
    ),
    Case(
        "pool-to-channels-last", "y, i = MaxPool<kernel_shape = [2, 2]>(x)", "indices of the maxima"
    ),
    Case(
        "pool-to-channels-last",
        "y = AveragePool<kernel_shape = [2, 2], dilations = [2, 2]>(x)",
        "dilated average",
    ),
    Case(
        "depth-space-to-channels-last",
        'y = DepthToSpace<blocksize = 2, mode = "CRD">(x)',
        "CRD order",
    ),
    Case("resize-to-channels-last", "y = Resize(x, , , size8)", "batch or channels"),
    Case(
        "resize-to-channels-last",
        'y = Resize<mode = "cubic">(x, , , size10)',
        "plain nearest and linear",
    ),
    Case(
        "resize-to-channels-last",
        f'y = Resize<mode = "linear", {CROP}>(x, region, , size10)',
        "a region is resized",
    ),
    Case("resize-to-channels-last", "y = Resize(x, , scales15)", "ratio of the sizes"),
)
