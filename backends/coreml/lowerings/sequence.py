"""Operators along one axis: sorting, running sums, reversal."""

from __future__ import annotations

import numpy as np

from mmc.backends.coreml.arithmetic import from_front
from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.lowering import Unsupported
from mmc.ir import Node, attrs, constant, shape_of
from mmc.signs import may_be_negative

SORTS = 7
"""The specification from which on topk says whether its result is sorted."""


@lowers("TopK")
def top_k(e: Emitter, n: Node) -> None:
    """values, indices = the k largest (or smallest) along `axis`, in order; equal ones by index."""
    given, x, shape = attrs(n), e.var(n.inputs[0]), shape_of(n.outputs[0])
    axis = given["axis"] % len(shape)
    values, indices = e.ops(
        "topk",
        [(shape, x.dtype), (shape, "int32")],
        x=x,
        k=shape[axis],
        axis=axis,
        ascending=not given["largest"],
        sort=True,
        return_indices=True,
    )
    e.set(n.outputs[0], values)
    e.set(n.outputs[1], indices)


@lowers("CumSum")
def cum_sum(e: Emitter, n: Node) -> None:
    """y = the running sum along an axis, of what comes before (exclusive) or after (reverse)."""
    given, x, axis = attrs(n), e.var(n.inputs[0]), constant(n.inputs[1])
    if axis is None:
        raise Unsupported("CumSum along a computed axis", fix="give it with --const")
    y = e.like(
        "cumsum",
        x,
        axis=int(axis.item()) % len(x.shape),
        exclusive=bool(given["exclusive"]),
        reverse=bool(given["reverse"]),
    )
    e.set(n.outputs[0], y)


@lowers("ReverseSequence")
def reverse_sequence(e: Emitter, n: Node) -> None:
    """y = x with the first `lengths[b]` elements of every batch b reversed in time."""
    given, x, lengths = attrs(n), e.var(n.inputs[0]), e.var(n.inputs[1])
    axes = {"seq_axis": given["time_axis"], "batch_axis": given["batch_axis"]}
    e.set(n.outputs[0], e.like("reverse_sequence", x, lengths=lengths, **axes))


@lowers("OneHot")
def one_hot(e: Emitter, n: Node) -> None:
    """y = on where the new axis' index is i (or i + depth), else off, along a new `axis`."""
    shape, values = shape_of(n.outputs[0]), constant(n.inputs[2])
    axis = attrs(n)["axis"] % len(shape)
    if values is None:
        raise Unsupported("OneHot with computed values has been decomposed")
    i = e.cast(e.var(n.inputs[0]), "int32")
    if may_be_negative(n.inputs[0]):
        i = from_front(e, i, np.int32(shape[axis]))
    off, on = (e.constant(v) for v in values)
    y = e.op(
        "one_hot",
        shape,
        on.dtype,
        indices=i,
        one_hot_vector_size=shape[axis],
        axis=axis,
        on_value=on,
        off_value=off,
    )
    e.set(n.outputs[0], y)
