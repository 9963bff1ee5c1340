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
        "y = AveragePool<kernel_shape=[2,2], strides=[2,2], ceil_mode=1, count_include_pad=1>(x)",
        "count the new pad",
    ),
    Case("global-pool-to-reduce", "y = GlobalAveragePool(x)"),
    Case("full-pool-to-reduce", "y = AveragePool<kernel_shape = [5,5]>(x)"),
    Case("full-pool-to-reduce", "y = AveragePool<kernel_shape = [4,5]>(x)", "cover the image"),
)
