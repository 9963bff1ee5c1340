"""Reading at constant indices that count evenly: slices. Batch coordinates: reading in batches.

Exporters write x[arange(batch), i] for a row of each batch, and masks as reads at whole grids.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, const, op, rewrite

from .reshapes import reshape
from .slices import slice_by

Span = tuple[int, int, int]
SAME_PLACES = frozenset(
    {"Cast", "Expand", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"}
)
"""What makes no other numbers of indices."""
exact = partial(rewrite, stage="canonicalize", contract=Contract.EXACT)
recognize = partial(rewrite, stage="recognize", contract=Contract.EXACT)


def progression(index: Array) -> tuple[Span, tuple[int, ...]]:
    """Return (start, stop, step) of indices that count evenly, and their shape without repeats."""
    once = index
    for axis in range(index.ndim):
        first = once.take([0], axis)
        once = first if (once == first).all() else once
    steps = np.diff(once.reshape(-1))
    if steps.size and (steps[0] <= 0 or (steps != steps[0]).any()):
        raise NoMatch("the indices are no range")
    start, last = int(once.flat[0]), int(once.flat[-1])
    return (start, last + 1, int(steps[0]) if steps.size else 1), once.shape


def read(
    out: Builder, x: Value, axis: int, spans: Sequence[Span], narrow: Sequence[int], n: Node
) -> Value:
    """Record the Slice of `x` by spans from `axis` on, in the shape of what n makes.

    Args:
        narrow: what those axes become before they are expanded.
    """
    shape, wanted = shape_of(x), shape_of(n.outputs[0])
    whole = [(0, size, 1) for size in shape[axis:]]
    cut = [(axis + i, *s) for i, s in enumerate(spans) if s != whole[i]]
    once = (*shape[:axis], *narrow, *shape[axis + len(spans) :])
    part = slice_by(out, x, cut) if cut else x
    sizes = [len(range(*s)) for s in spans]
    part = part if sizes == list(narrow) else reshape(out, part, once)
    made: Value = part if once == wanted else out.Expand(part, list(wanted))
    return made


@exact(op.Gather("x", const("index")).named("n"))
def gather_range(out: Builder, x: Value, index: Array, n: Node) -> Value:
    """gather(x, [a, a+s, a+2s, ...])  ->  x[a::s], expanded where indices repeat; x is computed."""
    if constant(x) is not None or index.size < 2:
        raise NoMatch("it takes one, or looks up a table")
    axis = attrs(n)["axis"] % len(shape_of(x))
    size = shape_of(x)[axis]
    span, narrow = progression(np.where(index < 0, index + size, index))
    return read(out, x, axis, [span], narrow, n)


@exact(op.GatherND("x", const("index")).named("n"))
def gather_nd_range(out: Builder, x: Value, index: Array, n: Node) -> Value:
    """gather_nd(x, a grid of coordinates)  ->  x[a:b, c:d], expanded where they repeat."""
    if constant(x) is not None or attrs(n)["batch_dims"] or not index.size:
        raise NoMatch("it looks up a table, or reads in batches, or nothing")
    sizes = shape_of(x)[: index.shape[-1]]
    pairs = zip(np.moveaxis(index, -1, 0), sizes, strict=True)
    places = [np.where(i < 0, i + size, i) for i, size in pairs]
    spans, shapes = zip(*map(progression, places), strict=True)
    moving = [axis for shape in shapes for axis, size in enumerate(shape) if size > 1]
    if any(a >= b for a, b in pairwise(moving)):
        raise NoMatch("two coordinates change together, or in another order")
    narrow = tuple(int(size) for size in np.max(shapes, axis=0))
    return read(out, x, 0, spans, narrow, n)


@recognize(op.GatherND("x", op.Concat(const("grid"), "i").named("join")).named("n"))
def gather_nd_by_batch(out: Builder, x: Value, grid: Array, i: Value, join: Node, n: Node) -> Value:
    """gather_nd(x, (batch coordinates, i))  ->  gather_nd(x, i) with batches."""
    depth = grid.shape[-1]
    if attrs(n)["batch_dims"] or attrs(join)["axis"] not in (-1, grid.ndim - 1):
        raise NoMatch("it reads in batches, or other indices are joined")
    if grid.ndim <= depth or grid.shape[:depth] != shape_of(x)[:depth]:
        raise NoMatch("it does not read from every batch in turn")
    if (grid != np.moveaxis(np.indices(grid.shape[:-1])[:depth], 0, -1)).any():
        raise NoMatch("its constant coordinates are not those of the batches")
    made: Value = out.GatherND(x, i, batch_dims=depth)
    return made


@recognize(op.Gather(op.Reshape("x", const("shape")), op.Add("i", const("base"))).named("n"))
def gather_of_flat_batches(
    out: Builder, x: Value, i: Value, shape: Array, base: Array, n: Node
) -> Value:
    """gather(flat(x), i + batch * rows)  ->  gather_nd(x, i) with batches; 0 <= i < rows."""
    batch, rows, *rest = (*shape_of(x), 0, 0)[: max(len(shape_of(x)), 2)]
    if attrs(n)["axis"] or shape.tolist() != [batch * rows, *rest]:
        raise NoMatch("it does not read rows of all batches in one")
    counted = shape_of(i)
    starts = rows * np.arange(batch).reshape(-1, *[1] * (len(counted) - 1))
    if counted[:1] != (batch,) or base.ndim > len(counted) or (base != starts).any():
        raise NoMatch("it does not read from every batch in turn")
    if not below(i, rows):
        raise NoMatch("an index may be beyond its batch")
    made: Value = out.GatherND(x, reshape(out, i, (*counted, 1)), batch_dims=1)
    return made


def below(index: Value, size: int) -> bool:
    """Say whether indices are places along an axis of at most this size."""
    node = index.producer()
    while node is not None and node.op_type in SAME_PLACES and node.inputs[0] is not None:
        index = node.inputs[0]
        node = index.producer()
    if node is None or node.inputs[0] is None or node.op_type not in ("ArgMax", "ArgMin", "TopK"):
        return False
    if node.op_type == "TopK" and index.index() != 1:
        return False
    axis: int = attrs(node)["axis"]
    return shape_of(node.inputs[0])[axis] <= size
