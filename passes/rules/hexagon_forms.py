"""Forms of what Qualcomm's compiler refuses, or selects and fails on, measured on v73 to v81."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, shape_of
from mmc.opset import DOMAIN
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite
from mmc.pattern_language import OpPattern

from .indexed_reads import from_front
from .parts import number, reshape

BYTE_MOVES = ("Flatten", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze")


@rewrite(op.Neg("x"), stage="hexagon", contract=Contract.EXACT)
def negative_of_integers(out: Builder, x: Value) -> Value:
    """-x  ->  0 - x, for integers."""
    if dtype_of(x).kind != "i":
        raise NoMatch("floats have NEG")
    return out.Sub(number(x, 0), x)


@rewrite(
    op.OneHot("i", "depth", const("values")).named("n"), stage="hexagon", contract=Contract.EXACT
)
def one_hot_by_equality(out: Builder, i: Value, values: Array, n: Node) -> Value:
    """one_hot(i, (off, on))  ->  where(i = 0, 1, 2, …, on, off), for integers or five axes."""
    shape = shape_of(n.outputs[0])
    if values.dtype.kind == "f" and len(shape) < 5:
        raise NoMatch("ONE_HOT takes floats of up to four axes")
    axis = attrs(n)["axis"] % len(shape)
    classes = [1] * len(shape)
    classes[axis] = depth = shape[axis]
    indices = i if dtype_of(i) == np.int64 else out.Cast(i, to=ir.DataType.INT64)
    each = reshape(out, from_front(out, indices, depth), (*shape[:axis], 1, *shape[axis + 1 :]))
    hot = out.Equal(each, np.arange(depth).reshape(classes))
    return out.Where(hot, values[1], values[0])


@rewrite(
    op.Reshape(
        OpPattern(("Linear",), DOMAIN, (op.Reshape("x", "inner"), "w", maybe("b"))), "outer"
    ).named("n"),
    stage="hexagon",
)
def linear_of_merged_axes(out: Builder, x: Value, w: Value, b: Value | None, n: Node) -> Value:
    """reshape(linear(reshape(x (…, h, d)), w, b), (…, h, e))  ->  the same by a 1 × 1 convolution.

    The compiler takes both reshapes away, as if the layer read only d, and fails.
    """
    before, after, weight = shape_of(x), shape_of(n.outputs[0]), constant(w)
    if before[:-1] != after[:-1] or before[-1] == shape_of(w)[-1]:
        raise NoMatch("the axes in front of the last are others, or the last is read alone")
    if weight is None:
        raise NoMatch("the weights are computed")
    outputs, inputs = weight.shape
    plane = reshape(out, x, (1, 1, math.prod(before) // inputs, inputs))
    bias = [] if b is None else [b]
    y = out.mmc.Conv2d(plane, weight.reshape(outputs, 1, 1, inputs), *bias)
    return reshape(out, y, after)


@rewrite(op.Cast(op.Cast("x")).named("n"), stage="hexagon", contract=Contract.EXACT)
def truncation_of_floats(out: Builder, x: Value, n: Node) -> Value:
    """float(int(x))  ->  sign(x) floor(|x|), for floats.

    The compiler takes both conversions away, as if they were one of a type to itself.
    """
    inner = n.inputs[0]
    kinds = (dtype_of(x), dtype_of(inner), dtype_of(n.outputs[0]))
    if (kinds[0].kind, kinds[2].kind) != ("f", "f") or kinds[1].name not in ("int32", "int64"):
        raise NoMatch("it is not from floats by integers to floats")
    if kinds[0] != np.float32 or kinds[2] != np.float32:
        raise NoMatch("the floats are not of 32 bits")
    made: Value = out.Mul(out.Sign(x), out.Floor(out.Abs(x)))
    return made


@rewrite(op.Cast("x").named("n"), stage="hexagon", contract=Contract.EXACT)
def bytes_as_codes(out: Builder, x: Value, n: Node) -> Value:
    """float(x)  ->  dequantize(x, 1, 0), for bytes: the NPU takes plain ones for truth values."""
    if not of_bytes(x, n):
        raise NoMatch("it is not from uint8 to float32")
    if not x.is_graph_input():
        raise NoMatch("the bytes are computed")
    made: Value = out.DequantizeLinear(x, np.float32(1), np.uint8(0))
    return made


@rewrite(
    op.Cast(op[BYTE_MOVES]("x", ...).named("m")).named("n"),
    stage="hexagon",
    contract=Contract.EXACT,
)
def bytes_before_moves(out: Builder, x: Value, m: Node, n: Node) -> Value:
    """float(move(x))  ->  move(float(x)), for bytes."""
    if not of_bytes(x, n):
        raise NoMatch("it is not from uint8 to float32")
    made: Value = out.again(m, [out.Cast(x, to=ir.DataType.FLOAT), *m.inputs[1:]])
    return made


def of_bytes(x: Value, n: Node) -> bool:
    """Say whether a conversion is from bytes to floats."""
    return (dtype_of(x).name, dtype_of(n.outputs[0]).name) == ("uint8", "float32")
