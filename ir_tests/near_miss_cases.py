"""Cases one condition away from those of rule_cases: where a careless rule would still fire."""

from __future__ import annotations

import numpy as np
from rule_cases import WEIGHTS, Case, weight

WEIGHTS |= {
    "small4": np.array([1e-6, 2e-6, 4e-6, 1e-5], np.float32),
    "grouped": weight(6, 2, 1, 1),
    "grouped3": weight(6, 2, 3, 3),
    "lopsided_pads": np.array([0, 0, 1, 0, 0, 0, 2, 3]),
    "lopsided_lowest": np.array([0, 0, 1, 0, 0, 0, 0, 1]),
    "cropped": np.array([0, 0, -1, 0, 0, 0, 0, 0]),
    "axes23": np.array([2, 3]),
    "minus_axes": np.array([-1, -2]),
    "two_pads": np.array([1, 2, 3, 0]),
    "pair": np.array([1, 2]),
    "by_row": weight(5, 3),
    "start1": np.array([1]),
    "start3": np.array([3]),
    "end9": np.array([9]),
    "step2": np.array([2]),
    "step3": np.array([3]),
    "repeated": np.array([2, 2, 1]),
    "uneven": np.array([0, 1, 3]),
    "backwards": np.array([3, 2, 1]),
    "negative": np.array([-4, -3]),
    "nan4": np.array([[[1]], [[2]], [[np.nan]], [[3]]], np.float32),
}
WIDE = "float[1,4,12,5]"
NEAR_MISSES = (
    Case("conv-bn", "a = Conv(x, w) y = BatchNormalization<epsilon = 0.5>(a, g6, b6, b6, v6)"),
    Case("bn-conv", "a = BatchNormalization<epsilon = 0.5>(x, g4, g4, g4, v4) y = Conv(a, w)"),
    Case("mul-conv", "a = Mul(x, c4) y = Conv<group = 2>(a, grouped)"),
    Case(
        "affine-conv",
        "a = Mul(x, c4) b = Add(a, c4) y = Conv<group = 2, pads = [1, 1, 1, 1]>(b, grouped3)",
    ),
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
    Case("gemm-of-values", "b = Exp(z) y = Gemm(x, b, z)", x="float[5,5]"),
    Case("gemm-of-values", "b = Exp(z) y = Gemm<transA = 1>(x, b, z)", x="float[5,5]"),
    Case("gemm-bias-vector", "y = Gemm(x, m, by_row)", "differs by row", x="float[5,5]"),
    Case("gemm-constant-weight", "y = Gemm<beta = 0.5>(x, m, z)", "computed bias", x="float[3,5]"),
    Case(
        "slice-slice",
        "a = Slice(x, start1, end9, i2, step2) y = Slice(a, start1, i4, i2, step2)",
        x=WIDE,
    ),
    Case(
        "slice-slice",
        "a = Slice(x, start1, end9, i2, step3) y = Slice(a, start1, end9, i2)",
        x=WIDE,
    ),
    Case("gather-range", "y = Gather<axis = 2>(x, negative)"),
    Case("gather-range", "y = Gather<axis = 2>(x, uneven)", "no range"),
    Case("gather-range", "y = Gather<axis = 2>(x, backwards)", "no range"),
    Case("gather-same-row", "y = Gather(m, repeated)", "differ", y="float"),
    Case(
        "layer-norm",
        "mean = ReduceMean(x, last) c = Sub(x, mean) s = Mul(c, c) v = ReduceMean(s, i2)"
        " e = Add(v, epsilon) d = Sqrt(e) y = Div(c, d)",
        "different axes",
    ),
    Case(
        "layer-norm",
        "mean = ReduceMean(x, last) c = Sub(x, mean) s = Mul(c, c) v = ReduceMean(s, last)"
        " e = Add(v, c4) d = Sqrt(e) y = Div(c, d)",
        "one number",
    ),
    Case(
        "layer-norm",
        "mean = ReduceMean(x, axes23) c = Sub(x, mean) s = Mul(c, c) v = ReduceMean(s, axes23)"
        " e = Add(v, tenth) d = Sqrt(e) y = Div(c, d)",
    ),
    Case("add-zero", "a = Add(x, nan4) y = Relu(a)", "not zero"),
)
