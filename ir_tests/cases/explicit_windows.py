"""Cases of the rules in passes/rules/explicit_windows.py."""

from cases import Case

CEIL = "kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1"
CASES = (
    Case(
        "conv-auto-pad",
        ('y = Conv<auto_pad = "SAME_LOWER", strides = [2, 2]>(x, w3)'),
        x="float[1,4,6,5]",
    ),
    Case(
        "conv-transpose-explicit",
        ("y = ConvTranspose<output_shape = [9, 10], strides = [2, 2]>(x, wt)"),
    ),
    Case(
        "pool-explicit",
        ('y = MaxPool<kernel_shape = [2, 3], auto_pad = "SAME_LOWER", strides = [1, 2]>(x)'),
        x="float[1,4,5,6]",
    ),
    Case(
        "pool-explicit",
        ("y = AveragePool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(x)"),
    ),
    Case("conv-auto-pad", "y = Conv(x, w)", "pads are explicit"),
    Case("pool-explicit", "y = MaxPool<kernel_shape = [2, 2]>(x)", "pads are explicit"),
    Case(
        "pool-explicit",
        'y = MaxPool<auto_pad = "SAME_UPPER", kernel_shape = [2, 2], dilations = [2, 2]>(x)',
        "size of a dilated SAME pool",
    ),
    Case("conv-transpose-explicit", "y = ConvTranspose(x, wt)", "pads are explicit"),
    Case(
        "pool-explicit", f"y = AveragePool<{CEIL}, count_include_pad = 1>(x)", "that ceil_mode adds"
    ),
)
