"""Cases of the rules in passes/rules/windows.py."""

from cases import Case

CASES = (
    Case("explicit-conv", 'y = Conv<auto_pad = "SAME_UPPER", strides = [2,2]>(x, w3)'),
    Case(
        "explicit-conv-transpose",
        'y = ConvTranspose<auto_pad = "SAME_LOWER", strides = [2,2]>(x, wt)',
    ),
    Case("explicit-pool", "y = MaxPool<kernel_shape = [2,2], strides = [2,2], ceil_mode = 1>(x)"),
    Case(
        "explicit-pool",
        "y = MaxPool<kernel_shape = [3,3], strides = [3,3], ceil_mode = 1>(x)",
        x="float[1,2,7,7]",
    ),
    Case(
        "explicit-pool",
        "y = AveragePool<kernel_shape=[2,2], strides=[2,2], ceil_mode=1, count_include_pad=1>(x)",
        "count the new pad",
    ),
    Case(
        "explicit-conv",
        'y = Conv<auto_pad = "SAME_UPPER", kernel_shape = [1,1], strides = [4,4]>(x, w)',
        x="float[1,4,8,8]",
    ),
    Case(
        "explicit-pool",
        'y = AveragePool<auto_pad = "SAME_LOWER", kernel_shape = [1,1], strides = [4,4]>(x)',
        x="float[1,4,8,8]",
    ),
    Case(
        "explicit-pool",
        'y, i = MaxPool<auto_pad = "SAME_UPPER", kernel_shape = [1,1], strides = [4,4]>(x)',
        "indices count the entries",
        x="float[1,4,8,8]",
    ),
    Case(
        "explicit-pool",
        'y = MaxPool<auto_pad = "SAME_UPPER", kernel_shape = [2,2], dilations = [2,2]>(x)',
        "size of a dilated SAME pool",
    ),
    Case("global-pool-to-reduce", "y = GlobalAveragePool(x)"),
    Case("full-pool-to-reduce", "y = AveragePool<kernel_shape = [5,5]>(x)"),
    Case("full-pool-to-reduce", "y = AveragePool<kernel_shape = [4,5]>(x)", "cover the image"),
    Case(
        "explicit-conv",
        "y = Conv<dilations = [1, 1], group = 1, kernel_shape = [1, 1], pads = [0, 0, 0, 0], "
        "strides = [1, 1]>(x, w)",
        "everything is explicit",
    ),
    Case(
        "explicit-conv-transpose",
        "y = ConvTranspose<output_shape = [20, 20]>(x, wt)",
        "larger than the kernel",
    ),
    Case(
        "explicit-pool",
        "y = MaxPool<kernel_shape = [2, 2], dilations = [3, 3], strides = [3, 3], ceil_mode = 1>"
        "(x)",
        "as large as the window",
    ),
    Case(
        "explicit-pool",
        "y, i = MaxPool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(x)",
        "indices are used",
    ),
    Case(
        "full-pool-to-reduce",
        'y = AveragePool<kernel_shape = [5, 5], auto_pad = "SAME_UPPER">(x)',
        "several windows",
    ),
)
