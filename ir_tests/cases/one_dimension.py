"""Cases of the rules in passes/rules/one_dimension.py."""

from cases import Case

CASES = (
    Case("conv-1d", ("y = Conv<pads = [1, 0], strides = [2]>(x, conv1d, b6)"), x="float[2,4,7]"),
    Case(
        "pool-1d",
        ("y = AveragePool<kernel_shape = [3], pads = [1, 0], strides = [2]>(x)"),
        x="float[2,4,7]",
    ),
    Case("conv-1d", "y = Conv(x, w)", "one spatial axis"),
    Case(
        "conv-1d",
        'y = Conv<auto_pad = "SAME_UPPER">(x, conv1d)',
        "not explicit yet",
        x="float[1,4,5]",
    ),
    Case(
        "pool-1d",
        "y = MaxPool<kernel_shape = [2], ceil_mode = 1>(x)",
        "not explicit yet",
        x="float[1,4,5]",
    ),
)
