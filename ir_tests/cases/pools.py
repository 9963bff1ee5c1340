"""Cases of the rules in passes/rules/pools.py."""

from cases import Case

CASES = (
    Case(
        "expand-average-pool-dilated",
        ("y = AveragePool<kernel_shape = [2, 2], dilations = [2, 1]>(x)"),
    ),
    Case(
        "expand-average-pool-divisor",
        ("y = AveragePool<kernel_shape = [3, 2], pads = [1, 0, 0, 1], strides = [2, 1]>(x)"),
    ),
    Case("expand-global-lp-pool", "y = GlobalLpPool<p = 3>(x)"),
    Case("expand-global-pool", "y = GlobalMaxPool(x)"),
    Case("expand-lp-pool", ("y = LpPool<kernel_shape = [2, 2], p = 1, strides = [2, 1]>(x)")),
    Case(
        "expand-max-pool-dilated",
        ("y = MaxPool<kernel_shape = [2, 2], dilations = [2, 3], pads = [1, 0, 0, 1]>(x)"),
    ),
    Case(
        "expand-pool-3d",
        ("y = MaxPool<kernel_shape = [2, 3, 1], strides = [1, 2, 1]>(x)"),
        x="float[1,2,3,5,2]",
    ),
    Case(
        "expand-average-pool-dilated",
        'y = AveragePool<kernel_shape = [2, 2], auto_pad = "SAME_UPPER">(x)',
        "not explicit yet",
    ),
    Case(
        "expand-max-pool-dilated",
        "v, i = MaxPool<kernel_shape = [2, 2]>(x) j = Cast<to = 1>(i) y = Add(v, j)",
        "places of the maxima",
    ),
    Case(
        "expand-average-pool-divisor",
        'y = AveragePool<kernel_shape = [2, 2], auto_pad = "SAME_UPPER">(x)',
        "counts them all",
    ),
    Case(
        "expand-average-pool-divisor", "y = AveragePool<kernel_shape = [2, 2]>(x)", "kernels divide"
    ),
    Case(
        "expand-average-pool-divisor",
        "y = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(x)",
        "kernels divide",
    ),
    Case("expand-average-pool-dilated", "y = AveragePool<kernel_shape = [2, 2]>(x)", "no gaps, or"),
    Case(
        "expand-average-pool-dilated",
        "y = AveragePool<kernel_shape = [2, 2], dilations = [2, 2], pads = [1, 1, 1, 1]>(x)",
        "left out of the mean",
    ),
    Case("expand-max-pool-dilated", "y = MaxPool<kernel_shape = [2, 2]>(x)", "window has no gaps"),
    Case("expand-pool-3d", "y = MaxPool<kernel_shape = [2, 2]>(x)", "over three axes"),
)
