"""One small model for every rule: where it fires, and where it must refuse, with the reason.

A case is ONNX text of a graph body over `x` (and `z`), with weights by name from WEIGHTS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmc.ir import Array, Model, parse
from mmc.shapes import infer

RNG = np.random.default_rng(0)


def weight(*shape: int) -> Array:
    """Return a random float32 weight."""
    return RNG.standard_normal(shape).astype(np.float32)


WEIGHTS: dict[str, Array] = {
    "zero": np.float32(0),
    "one": np.float32(1),
    "two": np.float32(2),
    "three": np.float32(3),
    "six": np.float32(6),
    "sixth": np.float32(1 / 6),
    "half": np.float32(0.5),
    "minus": np.float32(-1),
    "five": np.float32(5),
    "nothing": np.zeros((1, 4, 1, 1), np.float32),
    "tenth": np.float32(0.1),
    "root": np.float32(0.5**0.5),
    "slope": np.float32((2 / np.pi) ** 0.5),
    "cubic": np.float32(0.044715),
    "epsilon": np.float32(1e-5),
    "yes": np.array(True),
    "no": np.array(False),
    "mixed": np.array([True, False, True, False, True]),
    "last": np.array([-1]),
    "space": np.array([2, 3]),
    "channel": np.array([1]),
    "w": weight(6, 4, 1, 1),
    "w3": weight(6, 4, 3, 3),
    "wt": weight(4, 6, 2, 2),
    "b6": weight(6),
    "c6": weight(6, 1, 1),
    "c4": weight(4, 1, 1),
    "g4": weight(4),
    "g5": weight(5),
    "v4": np.abs(weight(4)) + np.float32(1),
    "g6": weight(6),
    "v6": np.abs(weight(6)) + np.float32(1),
    "m": weight(5, 3),
    "b3": weight(3),
    "row3": weight(1, 3),
    "mt": weight(3, 5),
    "same": np.array([1, 4, 5, 5]),
    "flat": np.array([4, 25]),
    "rows": np.array([20, 5]),
    "back3": np.array([1, 4, 5, 3]),
    "dims": np.array([0, -1, 5]),
    "wide": np.array([1, 20, 5]),
    "square": np.array([1, 4, 5]),
    "keptless": np.array([1, 4]),
    "i0": np.array([0]),
    "i1": np.array([1]),
    "i2": np.array([2]),
    "i4": np.array([4]),
    "i5": np.array([5]),
    "end": np.array([2**31]),
    "scalar2": np.array(2),
    "steps": np.array([0, 2, 4]),
    "rowsame": np.array([1, 1, 1]),
    "parts": np.array([1, 3]),
    "nopads": np.zeros(8, np.int64),
    "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    "chpads": np.array([0, 1, 0, 0, 0, 1, 0, 0]),
    "ones": np.array([1, 1, 1, 1]),
    "big": np.array([3, 4, 5, 5]),
    "lowest": np.float32(-3.4028235e38),
    "highest": np.float32(3.4028235e38),
    "heads": np.array([5, 5, 3, 1]),
}


@dataclass(frozen=True)
class Case:
    """A graph body and, for a refusal, a part of the reason."""

    rule: str
    body: str
    why: str = ""
    x: str = "float[1,4,5,5]"
    y: str = "float"

    def model(self) -> Model:
        """Return the model of this case, in working form with shapes."""
        text = (
            '<ir_version: 13, opset_import: ["" : 25]>\n'
            f"g ({self.x} x, {self.x} z) => ({self.y} y) {{ {self.body} }}"
        )
        words = set(self.body.replace(",", " ").replace("(", " ").replace(")", " ").split())
        model = parse(text, **{k: v for k, v in WEIGHTS.items() if k in words})
        infer(model)
        return model


M = "float[5,5]"
T = "float[1,4,5]"
CASES = (
    Case("identity", "a = Identity(x) y = Relu(a)"),
    Case("identity", "y = Identity(x)", "output of the model"),
    Case("dropout", "a = Dropout(x) y = Relu(a)"),
    Case("dropout", "a = Dropout(x, half, yes) y = Relu(a)", "training mode"),
    Case("add-zero", "a = Add(x, nothing) y = Relu(a)"),
    Case("add-zero", "a = Add(x, one) y = Relu(a)", "not zero"),
    Case("times-one", "a = Mul(x, one) y = Relu(a)"),
    Case("times-one", "a = Div(one, x) y = Relu(a)", "not constant"),
    Case("times-one", "a = Mul(x, two) y = Relu(a)", "not one"),
    Case("and-true", "a = Greater(x, z) b = And(a, yes) y = Not(b)", y="bool"),
    Case("and-true", "a = Greater(x, z) b = And(a, no) y = Not(b)", "not true", y="bool"),
    Case("or-false", "a = Greater(x, z) b = Or(a, no) y = Not(b)", y="bool"),
    Case("or-false", "a = Greater(x, z) b = Or(a, yes) y = Not(b)", "not false", y="bool"),
    Case("variadic-of-one", "a = Max(x) y = Relu(a)"),
    Case("sum-of-two", "y = Sum(x, z)"),
    Case("constant-on-the-right", "y = Add(two, x)"),
    Case("constant-on-the-right", "y = Add(x, two)", "on the right"),
    Case("not-not", "a = Greater(x, z) b = Not(a) c = Not(b) y = And(c, a)", y="bool"),
    Case("not-compare", "a = Less(x, z) y = Not(a)", x="int64[4]", y="bool"),
    Case("not-compare", "a = Less(x, z) y = Not(a)", "NaN", y="bool"),
    Case("where-of-constant", "a = Where(yes, x, z) y = Relu(a)"),
    Case("where-of-constant", "a = Where(mixed, x, z) y = Relu(a)", "mixed"),
    Case("where-same", "c = Greater(x, z) a = Where(c, x, x) y = Relu(a)"),
    Case("where-not", "c = Greater(x, z) d = Not(c) y = Where(d, x, z)"),
    Case(
        "where-bool-as-number",
        "c = Greater(x, z) d = Cast<to = 1>(c) e = Equal(d, zero) y = Where(e, x, z)",
    ),
    Case("where-bool-as-number", "e = Equal(x, zero) y = Where(e, x, z)", "not a boolean"),
    Case("expand-to-same", "a = Expand(x, same) y = Relu(a)"),
    Case("expand-to-same", "a = Expand(x, big) y = Relu(a)", "broadcasts"),
    Case("expand-left-operand", "r = ReduceMax(x, last) a = Expand(r, same) y = Add(a, z)"),
    Case("expand-left-operand", "a = Expand(x, big) y = Add(a, z)", "would have shape"),
    Case("expand-right-operand", "r = ReduceMax(x, last) a = Expand(r, same) y = Sub(z, a)"),
    Case(
        "expand-in-where",
        "c = Greater(x, z) r = ReduceMax(x, last) a = Expand(r, same) y = Where(c, x, a)",
    ),
    Case(
        "expand-in-where-left",
        "c = Greater(x, z) r = ReduceMax(x, last) a = Expand(r, same) y = Where(c, a, x)",
    ),
    Case("tile-once", "a = Tile(x, ones) y = Relu(a)"),
    Case("tile-once", "a = Tile(x, same) y = Relu(a)", "repeats"),
    Case("pad-nothing", "a = Pad(x, nopads) y = Relu(a)"),
    Case("pad-nothing", "y = Pad(x, pads)", "it pads"),
    Case("split-in-one", "a = Split<num_outputs = 1>(x) y = Relu(a)"),
    Case("max-pool-without-indices", "y, i = MaxPool<kernel_shape = [2, 2]>(x)"),
    Case("cast-to-same", "a = Cast<to = 1>(x) y = Relu(a)"),
    Case("cast-to-same", "a = Cast<to = 11>(x) y = Cast<to = 1>(a)", "changes the type"),
    Case("cast-cast", "a = Cast<to = 11>(x) y = Cast<to = 6>(a)", y="int32"),
    Case("cast-cast", "a = Cast<to = 6>(x) y = Cast<to = 1>(a)", "does not hold"),
    Case("regroup-to-reshape", "y = Flatten(x)"),
    Case("reshape-to-static", "y = Reshape(x, dims)", x="float[4,3,5]"),
    Case("reshape-to-static", "y = Reshape(x, flat)", "static"),
    Case("reshape-to-same", "a = Reshape(x, same) y = Relu(a)"),
    Case("reshape-to-same", "y = Reshape(x, flat)", "changes the shape"),
    Case("reshape-reshape", "a = Reshape(x, flat) y = Reshape(a, rows)"),
    Case("transpose-identity", "a = Transpose<perm = [0,1,2,3]>(x) y = Relu(a)"),
    Case("transpose-identity", "y = Transpose<perm = [0,2,1,3]>(x)", "moves dimensions"),
    Case("transpose-to-reshape", "y = Transpose<perm = [1,0,2,3]>(x)"),
    Case("transpose-to-reshape", "y = Transpose<perm = [0,2,1,3]>(x)", "moves data"),
    Case(
        "transpose-transpose",
        "a = Transpose<perm = [0,2,1,3]>(x) y = Transpose<perm = [0,3,1,2]>(a)",
    ),
    Case("transpose-explicit", "y = Transpose(x)"),
    Case("transpose-explicit", "y = Transpose<perm = [3,2,1,0]>(x)", "perm is there"),
    Case(
        "transpose-reshape-transpose",
        "a = Transpose<perm = [0,2,3,1]>(x) b = Reshape(a, seq) y = Transpose<perm = [0,2,1]>(b)",
    ),
    Case(
        "transpose-reshape-transpose",
        "a = Transpose<perm = [0,2,3,1]>(x) b = Reshape(a, seq) y = Transpose<perm = [2,1,0]>(b)",
        "moves data",
        x="float[2,4,5,5]",
    ),
    Case("subtract-constant", "y = Sub(x, two)"),
    Case("divide-by-constant", "y = Div(x, three)"),
    Case("divide-by-constant", "y = Div(x, zero)", "normal numbers"),
    Case("add-add", "a = Add(x, one) y = Add(a, two)"),
    Case("mul-mul", "a = Mul(x, three) y = Mul(a, two)"),
    Case("mul-mul", "a = Mul(x, highest) y = Mul(a, two)", "not finite"),
    Case("neg-neg", "a = Neg(x) b = Neg(a) y = Relu(b)"),
    Case("times-minus-one", "y = Mul(x, minus)"),
    Case("times-minus-one", "y = Mul(x, two)", "not -1"),
    Case("add-negative", "a = Neg(z) y = Add(x, a)"),
    Case("subtract-negative", "a = Neg(z) y = Sub(x, a)"),
    Case("simple-power", "y = Pow(x, two)"),
    Case("simple-power", "y = Pow(x, three)", "no simpler form"),
    Case("one-over", "y = Div(one, x)"),
    Case("one-over", "y = Div(two, x)", "expected 1"),
    Case("times-reciprocal", "a = Reciprocal(z) y = Mul(x, a)"),
    Case("over-reciprocal", "a = Reciprocal(z) y = Div(x, a)"),
    Case("reciprocal-reciprocal", "a = Reciprocal(x) b = Reciprocal(a) y = Relu(b)"),
    Case("abs-of-positive", "a = Relu(x) y = Abs(a)"),
    Case("simple-clip", "y = Clip(x, zero, highest)"),
    Case("simple-clip", "y = Clip(x, zero, six)", "simplest form"),
    Case("simple-clip", "r = ReduceMax(z) s = Squeeze(r) y = Clip(x, s)", "computed"),
    Case("clip-clip", "a = Relu(x) y = Clip(a, minus, six)"),
    Case("clip-clip", "a = Clip(x, six, zero) y = Relu(a)", "wrong order"),
    Case("max-to-clip", "y = Max(x, zero)"),
    Case("max-to-clip", "y = Min(x, c4)", "not one number"),
    Case("prelu-of-one-slope", "y = PRelu(x, tenth)"),
    Case("prelu-of-one-slope", "y = PRelu(x, c4)", "differ"),
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
    Case("explicit-axes", "y = ReduceMean<keepdims = 0>(x, last)"),
    Case("explicit-axes", "y = ReduceMean(x, space)", "explicit"),
    Case("reduce-of-single", "a = ReduceMean(x, i0) y = Relu(a)"),
    Case("reduce-of-single", "a = ReduceMean(x, i1) y = Relu(a)", "it reduces"),
    Case("reduce-reshape", "a = ReduceMean(x, space) y = Reshape(a, keptless)"),
    Case("reduce-reshape", "a = ReduceMean(x, i1) y = Reshape(a, flat5)", "more than drop"),
    Case("arg-reshape", "a = ArgMax<axis = 3>(x) y = Reshape(a, square)", y="int64"),
    Case("reduce-reduce", "a = ReduceMean(x, i2) y = ReduceMean(a, channel)"),
    Case("reduce-reduce", "a = ReduceMean(x, i2) y = ReduceSum(a, channel)", "neither"),
    Case("sum-over-count", "a = ReduceSum(x, i2) y = Div(a, five)"),
    Case("sum-over-count", "a = ReduceSum(x, i2) y = Div(a, six)", "number of summands"),
    Case("gemm-constant-weight", "y = Gemm<alpha = 0.5, beta = 2.0>(x, m, b3)", x=M),
    Case("gemm-constant-weight", "y = Gemm<transB = 1>(x, mt)", "has that form", x=M),
    Case("gemm-bias-vector", "y = Gemm<transB = 1>(x, mt, row3)", x=M),
    Case("gemm-bias-vector", "y = Gemm<transB = 1>(x, mt, b3)", "is a vector", x=M),
    Case("gemm-of-values", "y = Gemm<transB = 1>(x, z)", x=M),
    Case("gemm-of-values", "y = Gemm<alpha = 0.5>(x, z)", "has a scale", x=M),
    Case("slice-nothing", "a = Slice(x, i0, end, i2, i1) y = Relu(a)"),
    Case("slice-nothing", "y = Slice(x, i1, end, i2, i1)", "takes a part"),
    Case("slice-explicit", "y = Slice(x, i1, end, last)"),
    Case("slice-slice", "a = Slice(x, i1, i5, i2, i1) y = Slice(a, i1, i2, i2, i1)"),
    Case("slice-slice", "a = Slice(x, last, i0, i2, last) y = Slice(a, i1, i2, i2, i1)", "back"),
    Case("concat-of-parts", "a, b = Split<axis=1>(x, parts) c = Concat<axis=1>(a, b) y = Relu(c)"),
    Case("concat-of-parts", "a, b = Split<axis=1>(x, parts) y = Concat<axis=1>(b, a)", "order"),
    Case("gather-one", "y = Gather<axis = 2>(x, scalar2)"),
    Case("gather-one", "y = Gather<axis = 2>(x, steps)", "takes several"),
    Case("gather-range", "y = Gather<axis = 2>(x, steps)"),
    Case("gather-same-row", "a = Gather(m, rowsame) y = Add(x, a)", x="float[3,3]"),
    Case("gather-same-row", "a = Gather(m, steps) y = Add(x, a)", "differ", x="float[3,3]"),
    Case("softmax-between-reshapes", "a = Reshape(x, rows) b = Softmax(a) y = Reshape(b, same)"),
    Case(
        "softmax-between-reshapes",
        "a = Reshape(x, flat) b = Softmax(a) y = Reshape(b, same)",
        "more than gather",
    ),
    Case(
        "slice-of-split-axis",
        "a = Reshape(x, packed) y = Slice(a, i1, i2, i2, i1)",
        x="float[1,5,12]",
    ),
    Case(
        "slice-of-split-axis",
        "a = Reshape(x, packed) y = Slice(a, i1, i2, i4, i1)",
        "another axis",
        x="float[1,5,12]",
    ),
    Case("slice-of-split-axis", "y = Slice(x, i1, i2, i2, i1)", "not slice a reshape"),
    Case("split-explicit", "a, b = Split<axis = 1, num_outputs = 2>(x) y = Add(a, b)"),
    Case("split-explicit", "a, b = Split<axis = 1>(x, parts) y = Add(a, b)", "explicit"),
    Case("pad-pad", "a = Pad(x, pads) y = Pad(a, pads)"),
    Case("pad-pad", 'a = Pad<mode = "edge">(x, pads) y = Pad(a, pads)', "with a constant"),
    Case("conv-bn", "a = Conv(x, w, b6) y = BatchNormalization(a, g6, b6, g6, v6)"),
    Case("conv-bn", "a = ConvTranspose(x, wt) y = BatchNormalization(a, g6, b6, g6, v6)"),
    Case("conv-add", "a = Conv(x, w) y = Add(a, c6)"),
    Case("conv-add", "a = Conv(x, w) y = Add(a, g5)", "one number per channel"),
    Case("conv-mul", "a = Conv(x, w, b6) y = Mul(a, c6)"),
    Case("conv-neg", "a = Conv(x, w, b6) y = Neg(a)"),
    Case("mul-conv", "a = Mul(x, c4) y = Conv<pads = [1,1,1,1]>(a, w3)"),
    Case("add-conv", "a = Add(x, c4) y = Conv(a, w3)"),
    Case("add-conv", "a = Add(x, c4) y = Conv<pads = [1,1,1,1]>(a, w3)", "pad is zero"),
    Case("affine-conv", "a = Mul(x, two) b = Add(a, c4) y = Conv<pads = [1,1,1,1]>(b, w3)"),
    Case("affine-conv", "a = Mul(x, zero) b = Add(a, c4) y = Conv(b, w3)", "scale is zero"),
    Case("bn-conv", "a = BatchNormalization(x, g4, g4, g4, v4) y = Conv(a, w3)"),
    Case(
        "bn-conv",
        "a = BatchNormalization(x, g4, g4, g4, v4) y = Conv<pads = [1,1,1,1]>(a, w3)",
        "pad is zero",
    ),
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
    Case("matmul-add", "a = MatMul(x, m) y = Add(a, b3)", x=M),
    Case("matmul-add", "a = MatMul(x, m) y = Add(a, b3)", "rank 2", x=T),
    Case("gemm-add", "a = Gemm<transB = 1>(x, mt, b3) y = Add(a, row3)", x=M),
    Case("gemm-mul", "a = Gemm<transB = 1>(x, mt, b3) y = Mul(a, row3)", x=M),
    Case("gemm-mul", "a = Gemm<alpha = 2.0>(x, m, b3) y = Mul(a, row3)", "normal form", x=M),
    Case(
        "gemm-bn",
        "a = Gemm<transB=1>(x, w64, b6) y = BatchNormalization(a, g6, b6, g6, v6)",
        x="float[5,4]",
    ),
    Case("matmul-mul", "a = MatMul(x, m) y = Mul(a, b3)", x=T),
    Case("linear-mul", "a = MatMul(x, m) b = Add(a, b3) y = Mul(b, half)", x=T),
    Case(
        "gemm-between-reshapes",
        "a = Reshape(x, rows) b = Gemm<transB = 1>(a, mt, b3) y = Reshape(b, back3)",
        x="float[1,4,5,5]",
    ),
    Case(
        "scale-of-scores",
        "a = MatMul(x, m) b = Add(a, b3) c = Reshape(b, heads3) d = Transpose<perm=[0,2,1,3]>(c) "
        "k = MatMul(z, m) l = Reshape(k, heads3) n = Transpose<perm=[0,2,3,1]>(l) "
        "s = MatMul(d, n) y = Mul(s, half)",
        x="float[1,4,5]",
    ),
    Case("recognize-hard-sigmoid", "a = Add(x, three) b = Clip(a, zero, six) y = Mul(b, sixth)"),
    Case(
        "recognize-hard-sigmoid",
        "a = Add(x, two) b = Clip(a, zero, six) y = Mul(b, sixth)",
        "expected 3",
    ),
    Case("hard-sigmoid-unit", "a = Mul(x, tenth) b = Add(a, half) y = Clip(b, zero, one)"),
    Case("hard-swish", "a = HardSigmoid<alpha = 0.16666667, beta = 0.5>(x) y = Mul(x, a)"),
    Case("hard-swish", "a = HardSigmoid(x) y = Mul(x, a)", "not 1/6"),
    Case("hard-swish-times-six", "a = Add(x, three) b = Clip(a, zero, six) y = Mul(b, x)"),
    Case(
        "hard-swish-times-six",
        "a = Add(x, three) b = Clip(a, zero, six) y = Mul(b, z)",
        "two different values",
    ),
    Case(
        "hard-swish-scaled-first",
        "s = Mul(x, sixth) a = Add(x, three) b = Clip(a, zero, six) y = Mul(s, b)",
    ),
    Case("gelu-twice", "a = Mul(x, root) b = Erf(a) c = Add(b, one) y = Mul(x, c)"),
    Case("gelu-twice", "a = Mul(x, half) b = Erf(a) c = Add(b, one) y = Mul(x, c)", "expected 0.7"),
    Case(
        "gelu-half-first",
        "h = Mul(x, half) a = Mul(x, root) b = Erf(a) c = Add(b, one) y = Mul(h, c)",
    ),
    Case(
        "gelu-half-inside",
        "a = Mul(x, root) b = Erf(a) c = Add(b, one) d = Mul(c, half) y = Mul(x, d)",
    ),
    Case(
        "gelu-tanh-twice",
        "p = Pow(x, three) q = Mul(p, cubic) r = Add(x, q) s = Mul(r, slope) t = Tanh(s) "
        "u = Add(t, one) y = Mul(x, u)",
    ),
    Case(
        "gelu-tanh-half-first",
        "h = Mul(x, half) p = Mul(x, x) q = Mul(p, cubic) r = Add(q, one) g = Mul(x, slope) "
        "s = Mul(g, r) t = Tanh(s) u = Add(t, one) y = Mul(h, u)",
    ),
    Case(
        "gelu-tanh-half-inside",
        "p = Pow(x, three) q = Mul(p, cubic) r = Add(x, q) s = Mul(r, slope) t = Tanh(s) "
        "u = Add(t, one) v = Mul(u, half) y = Mul(x, v)",
    ),
    Case("silu", "a = Sigmoid(x) y = Mul(x, a)"),
    Case("silu", "a = Sigmoid(z) y = Mul(x, a)", "two different values"),
    Case("sigmoid", "a = Neg(x) b = Exp(a) c = Add(b, one) y = Reciprocal(c)"),
    Case("recognize-softplus", "b = Exp(x) c = Add(b, one) y = Log(c)"),
    Case("recognize-mish", "a = Softplus(x) b = Tanh(a) y = Mul(x, b)"),
    Case(
        "recognize-softmax",
        "a = ReduceMax(x, i2) b = Sub(x, a) e = Exp(b) s = ReduceSum(e, i2) y = Div(e, s)",
    ),
    Case(
        "recognize-softmax",
        "a = ReduceMax(x, i1) b = Sub(x, a) e = Exp(b) s = ReduceSum(e, i2) y = Div(e, s)",
        "different axes",
    ),
    Case("softmax-without-max", "e = Exp(x) s = ReduceSum(e, i2) y = Div(e, s)"),
    Case("softmax-without-max", "e = Exp(x) s = ReduceSum(e, space) y = Div(e, s)", "one axis"),
    Case("log-softmax", "a = Softmax(x) y = Log(a)"),
    Case(
        "layer-norm",
        "m1 = ReduceMean(x, last) c = Sub(x, m1) s = Mul(c, c) v = ReduceMean(s, last) "
        "e = Add(v, epsilon) r = Sqrt(e) y = Div(c, r)",
    ),
    Case(
        "layer-norm",
        "m1 = ReduceMean(x, i1) c = Sub(x, m1) s = Mul(c, c) v = ReduceMean(s, i1) "
        "e = Add(v, epsilon) r = Sqrt(e) y = Div(c, r)",
        "not the last ones",
    ),
    Case(
        "layer-norm-as-affine",
        "m1 = ReduceMean(x, last) c = Sub(x, m1) s = Mul(c, c) v = ReduceMean(s, last) "
        "e = Add(v, epsilon) r = Sqrt(e) i = Div(g5, r) p = Mul(x, i) q = Mul(m1, i) "
        "t = Sub(g5, q) y = Add(p, t)",
    ),
    Case(
        "rms-norm",
        "s = Mul(x, x) v = ReduceMean(s, last) e = Add(v, epsilon) r = Sqrt(e) y = Div(x, r)",
    ),
    Case(
        "rms-norm",
        "s = Mul(x, x) v = ReduceMean(s, i1) e = Add(v, epsilon) r = Sqrt(e) y = Div(x, r)",
        "not the last",
    ),
    Case(
        "layer-norm-as-difference",
        "m1 = ReduceMean(x, last) c = Sub(x, m1) s = Mul(c, c) v = ReduceMean(s, last) "
        "e = Add(v, epsilon) r = Sqrt(e) i = Reciprocal(r) p = Mul(x, i) q = Mul(m1, i) "
        "y = Sub(p, q)",
    ),
    Case("norm-scale", "a = LayerNormalization(x, g5, g5) y = Mul(a, g5)"),
    Case("norm-scale", "a = LayerNormalization(x, g5, g5) y = Mul(a, c4)", "does not fit"),
    Case("norm-shift", "a = LayerNormalization(x, g5) y = Add(a, g5)"),
    Case("norm-shift", "a = RMSNormalization(x, g5) y = Add(a, g5)", "no bias"),
    Case("instance-norm-affine", "a = InstanceNormalization(x, g4, g4) y = Mul(a, c4)"),
)
WEIGHTS |= {
    "seq": np.array([0, -1, 4]),
    "flat5": np.array([5, 5]),
    "w6": weight(6, 6, 1, 1),
    "w64": weight(6, 4),
    "packed": np.array([1, 5, 3, 2, 2]),
    "heads3": np.array([1, 4, 3, 1]),
}
