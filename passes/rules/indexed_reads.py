"""Reading at indices in every form, brought to Gather on one axis and GatherND without batches."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, op, rewrite
from mmc.signs import may_be_negative

from .reshapes import reshape


def from_front(out: Builder, i: Value, size: int | Array) -> Value:
    """Return indices with the negative ones counted from the front; constants are computed here."""
    known = constant(i)
    if known is not None:
        return out.lift(np.where(known < 0, known + size, known))  # type: ignore[return-value]
    if not may_be_negative(i):
        return i
    kind = dtype_of(i)
    below = out.Less(i, np.array(0, kind))
    return out.Where(below, out.Add(i, np.asarray(size, kind)), i)


def flat_positions(
    out: Builder, i: Value, shape: tuple[int, ...], axis: int, counted: tuple[int, ...]
) -> Value:
    """Return where element (…, i, …) of a tensor lies in its flat form.

    Args:
        i: indices along `axis`; the other coordinates are those of the index itself.
        shape: of the indexed tensor.
        counted: the shape of `i`.
    """
    strides = [int(np.prod(shape[a + 1 :], dtype=np.int64)) for a in range(len(shape))]
    kind = dtype_of(i)
    grid = np.indices(counted)
    rest = sum(g * s for a, (g, s) in enumerate(zip(grid, strides, strict=True)) if a != axis)
    base = np.broadcast_to(np.asarray(rest, kind), counted)
    start = from_front(out, i, shape[axis])
    step = start if strides[axis] == 1 else out.Mul(start, np.array(strides[axis], kind))
    return out.Add(step, base) if base.any() else step


@rewrite(op.GatherElements("x", "i").named("n"), stage="decompose")
def gather_elements(out: Builder, x: Value, i: Value, n: Node) -> Value:
    """gather_elements(x, i)  ->  gather(flat(x), flat positions)."""
    shape, counted = shape_of(x), shape_of(i)
    axis = attrs(n)["axis"] % len(shape)
    positions = flat_positions(out, i, shape, axis, counted)
    return out.Gather(out.Reshape(x, [-1]), positions, axis=0)


@rewrite(op.GatherND("x", "i").named("n"), stage="decompose")
def gather_nd_batches(out: Builder, x: Value, i: Value, n: Node) -> Value:
    """gather_nd(x, i) with batches  ->  gather_nd(x, (batch coordinates, i))."""
    batches, counted = attrs(n)["batch_dims"], shape_of(i)
    if not batches:
        raise NoMatch("it has no batch dimensions")
    kind = dtype_of(i)
    sizes = np.array(shape_of(x)[batches : batches + counted[-1]], kind)
    grid = np.moveaxis(np.indices(counted[:-1])[:batches], 0, -1).astype(kind)
    full = out.Concat(grid, from_front(out, i, sizes), axis=-1)
    return out.GatherND(x, full)


@rewrite(op.GatherND("x", "i").named("n"), stage="canonicalize", contract=Contract.EXACT)
def gather_nd_of_one_axis(out: Builder, x: Value, i: Value, n: Node) -> Value:
    """gather_nd(x, i (.., 1))  ->  gather(x, i (..)): rows of the first axis.

    PyTorch's newer exporter writes table[positions] so.
    """
    counted = shape_of(i)
    if attrs(n)["batch_dims"] or counted[-1] != 1:
        raise NoMatch("it indexes more than the first axis, or in batches")
    return out.Gather(x, reshape(out, i, counted[:-1]), axis=0)
