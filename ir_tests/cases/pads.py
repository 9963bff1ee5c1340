"""Cases of the rules in passes/rules/pads.py."""

from cases import Case

CASES = (
    Case("pad-conv", "a = Pad(x, pads) y = Conv(a, w3)"),
    Case("pad-conv", "a = Pad(x, pads, one) y = Conv(a, w3)", "with zeros"),
    Case("pad-conv", "a = Pad(x, chpads) y = Conv(a, w6)", "batch or channels"),
    Case("pad-average-pool", "a = Pad(x, pads) y = AveragePool<kernel_shape = [2,2]>(a)"),
    Case(
        "pad-average-pool",
        "a = Pad(x, pads) y = AveragePool<kernel_shape = [3,3], pads = [1,1,1,1]>(a)",
        "does not count",
    ),
    Case("pad-max-pool", "r = Relu(x) a = Pad(r, pads) y = MaxPool<kernel_shape = [2,2]>(a)"),
    Case("pad-max-pool", "a = Pad(x, pads) y = MaxPool<kernel_shape = [2,2]>(a)", "the maximum"),
    Case("pad-conv", "a = Pad(x, lopsided_pads) y = Conv<pads = [1, 0, 0, 1]>(a, w3)"),
    Case("pad-conv", "a = Pad(x, two_pads, zero, axes23) y = Conv(a, w3)"),
    Case("pad-conv", "a = Pad(x, two_pads, zero, minus_axes) y = Conv(a, w3)"),
    Case("pad-conv", "a = Pad(x, cropped) y = Conv(a, w3)", "crops"),
    Case("pad-conv", "a = Pad(x, pads, one) y = Conv(a, w3)", "zeros"),
    Case(
        "pad-conv", "s = ReduceMax<keepdims = 0>(z) a = Pad(x, pads, s) y = Conv(a, w3)", "computed"
    ),
    Case("pad-conv", 'a = Pad<mode = "edge">(x, pads) y = Conv(a, w3)', "with a constant"),
    Case("pad-conv", 'a = Pad(x, pads) y = Conv<auto_pad = "SAME_UPPER">(a, w3)', "auto_pad"),
    Case(
        "pad-average-pool",
        "a = Pad(x, pads) y = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(a)",
        "count its own pads",
    ),
    Case(
        "pad-max-pool",
        "a = Pad(x, lopsided_lowest, lowest) y = MaxPool<kernel_shape = [3, 3]>(a)",
    ),
    Case(
        "pad-max-pool",
        "r = Relu(x) a = Pad(r, pads) y = MaxPool<kernel_shape = [1, 3]>(a)",
        "as large as the window",
    ),
    Case(
        "pad-max-pool",
        "r = Relu(x) a = Pad(r, pads) y = MaxPool<kernel_shape = [3, 3], ceil_mode = 1>(a)",
        "ceil_mode",
    ),
    Case("pad-max-pool", "a = Pad(x, pads) y = MaxPool<kernel_shape = [3, 3]>(a)", "the maximum"),
    Case(
        "pad-max-pool",
        "r = Clip(x, minus) a = Pad(r, pads) y = MaxPool<kernel_shape = [3, 3]>(a)",
        "the maximum",
    ),
    Case(
        "pad-max-pool", "r = Clip(x, zero) a = Pad(r, pads) y = MaxPool<kernel_shape = [3, 3]>(a)"
    ),
    Case(
        "pad-average-pool",
        "a = Pad(x, pads, one) y = AveragePool<kernel_shape = [2, 2]>(a)",
        "pad with zeros",
    ),
    Case(
        "pad-max-pool",
        "r = Relu(x) a = Pad(r, pads) y, i = MaxPool<kernel_shape = [2, 2]>(a)",
        "returns indices",
    ),
)
