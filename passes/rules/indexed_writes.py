"""Writing at indices in every form, brought to ScatterND that writes or adds."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, dtype_of, shape_of
from mmc.passes.rules.indexed_reads import flat_positions, from_front
from mmc.pattern import Builder, NoMatch, op, rewrite

DENSE = 1 << 22
"""Elements that the dense form of a scatter may take."""
REDUCTIONS = {
    "mul": ("ReduceProd", "Mul"),
    "max": ("ReduceMax", "Max"),
    "min": ("ReduceMin", "Min"),
}


@rewrite(op["ScatterElements", "Scatter"]("x", "i", "u").named("n"), stage="decompose")
def scatter_elements(out: Builder, x: Value, i: Value, u: Value, n: Node) -> Value:
    """scatter_elements(x, i, u)  ->  scatter_nd(flat(x), flat positions, flat(u)), reshaped."""
    shape, counted = shape_of(x), shape_of(i)
    given = attrs(n)
    positions = flat_positions(out, i, shape, given["axis"] % len(shape), counted)
    flat = out.ScatterND(
        out.Reshape(x, [-1]),
        out.Reshape(positions, [-1, 1]),
        out.Reshape(u, [-1]),
        reduction=given.get("reduction", "none"),
    )
    return out.Reshape(flat, list(shape))


@rewrite(op.ScatterND("x", "i", "u").named("n"), stage="decompose")
def scatter_nd_reduction(out: Builder, x: Value, i: Value, u: Value, n: Node) -> Value:
    """x[i] = max(x[i], u)  ->  max(x, max over updates of where(here, u, -inf)); mul, min alike.

    Rows of the indexed part of x, (R, inner), meet the updates, (N, inner), in (R, N, inner).
    """
    reduction, shape, counted = attrs(n)["reduction"], shape_of(x), shape_of(i)
    if reduction not in REDUCTIONS:
        raise NoMatch("writing and adding are native")
    depth = counted[-1]
    rows, updates, inner = (
        int(np.prod(dims)) for dims in (shape[:depth], counted[:-1], shape[depth:])
    )
    if rows * updates * inner > DENSE:
        raise NoMatch(f"{rows} rows × {updates} updates × {inner} are too many to compare densely")
    reduce, combine = REDUCTIONS[reduction]
    strides = np.cumprod((1, *reversed(shape[1:depth])))[::-1]
    kind = i.dtype.numpy() if i.dtype is not None else np.dtype(np.int64)
    front = from_front(out, i, np.array(shape[:depth], kind))
    flat = out.ReduceSum(out.Mul(front, strides.astype(kind)), [-1], keepdims=0)
    here = out.Equal(out.Reshape(flat, [1, updates, 1]), np.arange(rows, dtype=kind)[:, None, None])
    value = out.Where(here, out.Reshape(u, [1, updates, inner]), neutral(reduction, x))
    total = out.node(reduce, [value, [1]], keepdims=0)
    return out.node(combine, [x, out.Reshape(total, list(shape))])


def neutral(reduction: str, x: Value) -> Array:
    """Return what changes nothing: 1, or the smallest or largest number of the type."""
    kind = dtype_of(x)
    if reduction == "mul":
        return np.array(1, kind)
    sign = -1 if reduction == "max" else 1
    if kind.kind == "f":
        return np.array(sign * np.inf, kind)
    # 64-bit integers are 32-bit ones in the artifact
    limits = np.iinfo(np.int32 if kind == np.int64 else kind)
    return np.array(limits.min if reduction == "max" else limits.max, kind)
