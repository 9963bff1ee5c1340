"""Operators along one axis: sorting, running sums, reversal."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import TYPES, WIDER, compute, convert
from mmc.backends.tflite.lowerings.gather import from_front, gathered
from mmc.backends.tflite.lowerings.slice import part
from mmc.ir import Node, attrs, constant, shape_of
from mmc.signs import may_be_negative


@lowers("TopK")
def top_k(e: Emitter, n: Node) -> None:
    """values, indices = the k largest along the last axis, in order; equal ones by index.

    The smallest are the largest of the negated; another axis is decomposed.
    """
    given, shape = attrs(n), shape_of(n.inputs[0])
    if given["axis"] % len(shape) != len(shape) - 1:
        raise Unsupported("TOPK_V2 works along the last axis")
    x, values, indices = e.tensor(n.inputs[0]), e.tensor(n.outputs[0]), e.tensor(n.outputs[1])
    kind = e.program.tensors[x].dtype
    if kind not in TYPES["TOPK_V2"]:
        raise Unsupported(f"TOPK_V2 has no kernel for {kind.lower()}")
    k = e.constant(np.array([e.shape(values)[-1]], np.int32))
    if given["largest"]:
        e.op("TOPK_V2", [x, k], [values, indices], schema.TopKV2OptionsT())
        return
    x = convert(e, x, WIDER.get(kind, kind))
    wide = e.program.tensors[x].dtype.lower()
    x = e.op("NEG", [x], [e.new(shape, wide)], schema.NegOptionsT())
    found = e.new(e.shape(values), wide)
    e.op("TOPK_V2", [x, k], [found, indices], schema.TopKV2OptionsT())
    smallest = e.op("NEG", [found], [e.new(e.shape(found), wide)], schema.NegOptionsT())
    e.alias(n.outputs[0], convert(e, smallest, kind))


@lowers("CumSum")
def cum_sum(e: Emitter, n: Node) -> None:
    """y = the running sum along an axis, of what comes before (exclusive) or after (reverse)."""
    given, axis, shape = attrs(n), constant(n.inputs[1]), shape_of(n.inputs[0])
    if axis is None and len(shape) > 1:
        raise Unsupported("CumSum along a computed axis", fix="give it with --const")
    where = 0 if axis is None else int(axis.item()) % len(shape)
    exclusive, reverse = bool(given["exclusive"]), bool(given["reverse"])
    x, y, options = e.tensor(n.inputs[0]), e.tensor(n.outputs[0]), schema.CumsumOptionsT()
    summed = y
    if e.npu:  # which compiles the plain sum alone (hexagon.toml, measured)
        summed = e.twin(x) if reverse else y
        x = mirrored(e, x, where, e.twin(x)) if reverse else x
        x = delayed(e, x, where) if exclusive else x
    else:
        options.exclusive, options.reverse = exclusive, reverse
    last = e.constant(np.array(where, np.int32))
    compute(e, "CUMSUM", [x, last], summed, options, data=(0,))
    if summed != y:
        mirrored(e, summed, where, y)


def mirrored(e: Emitter, x: int, axis: int, y: int) -> int:
    """Emit x from the last to the first along an axis."""
    order = np.arange(e.shape(x)[axis], dtype=np.int32)[::-1].copy()
    return gathered(e, x, e.constant(order), y, axis)


def delayed(e: Emitter, x: int, axis: int) -> int:
    """Emit 0, x[0], x[1], ... along an axis, without the last."""
    first, left = list(e.shape(x)), list(e.shape(x))
    first[axis], left[axis] = 1, left[axis] - 1
    zero = e.constant(np.zeros(first, e.program.tensors[x].dtype.lower()))
    if left[axis] == 0:
        return zero
    options = schema.ConcatenationOptionsT()
    options.axis = axis
    rest = part(e, x, [0] * len(left), e.twin(x, left))
    return e.op("CONCATENATION", [zero, rest], [e.twin(x)], options)


@lowers("ReverseSequence")
def reverse_sequence(e: Emitter, n: Node) -> None:
    """y = x with the first `lengths[b]` elements of every batch b reversed in time."""
    given, options = attrs(n), schema.ReverseSequenceOptionsT()
    options.seqDim, options.batchDim = given["time_axis"], given["batch_axis"]
    inputs = [e.tensor(v) for v in n.inputs]
    compute(e, "REVERSE_SEQUENCE", inputs, e.tensor(n.outputs[0]), options, data=(0,))


@lowers("OneHot")
def one_hot(e: Emitter, n: Node) -> None:
    """y = on where the new axis' index is i (or i + depth), else off, along a new `axis`."""
    axis, rank = attrs(n)["axis"], len(shape_of(n.outputs[0]))
    depth = shape_of(n.outputs[0])[axis % rank]
    values, y = constant(n.inputs[2]), e.tensor(n.outputs[0])
    i = convert(e, e.tensor(n.inputs[0]), "INT32")
    if values is None:
        raise Unsupported("OneHot with computed values has been decomposed")
    kind = e.program.tensors[y].dtype
    if kind not in TYPES["ONE_HOT"]:
        raise Unsupported(f"ONE_HOT has no kernel for {kind.lower()}")
    off, on = (e.constant(np.array(v, kind.lower())) for v in values)
    options = schema.OneHotOptionsT()
    options.axis = axis % rank
    if may_be_negative(n.inputs[0]):
        i = from_front(e, i, np.array(depth))
    e.op("ONE_HOT", [i, e.constant(np.array(depth, np.int32)), on, off], [y], options)
