"""TensorScatter: new rows written into a cache, each sequence of the batch at its own place."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Node, Value, attrs, constant, shape_of
from mmc.pattern import Builder, maybe, op, rewrite

from .parts import reshape


@rewrite(op.TensorScatter("past", "new", maybe("start")).named("n"), stage="decompose")
def tensor_scatter(out: Builder, past: Value, new: Value, start: Value | None, n: Node) -> Value:
    """tensor_scatter(past (…, T, …), new (…, S, …), start (B,))  ->  the past, rows replaced.

    At one known place it is concat(past[:start], new, past[start + S:]); one row is a choice by
    its place; else row j is row j of the past, or row j - start of the new ones behind it.
    """
    axis = attrs(n)["axis"] % len(shape_of(past))
    rows, count = shape_of(past)[axis], shape_of(new)[axis]
    known = np.zeros(1, np.int64) if start is None else constant(start)
    if known is not None and (known == known.flat[0]).all() and known.flat[0] + count <= rows:
        return between(out, past, new, int(known.flat[0]), axis)
    given = start if known is None else out.lift(known)
    place = out.Sub(np.arange(rows)[None], reshape(out, given, (-1, 1)))  # type: ignore[arg-type]
    if attrs(n)["mode"] == "circular":
        place = out.Mod(out.Add(place, np.int64(rows)), np.int64(rows))
    if count == 1:
        shape = [1] * len(shape_of(past))
        shape[0], shape[axis] = -1, rows
        here = out.Equal(reshape(out, place, shape), np.int64(0))
        return out.Where(here, new, past)
    inside = out.And(out.GreaterOrEqual(place, np.int64(0)), out.Less(place, np.int64(count)))
    index = out.Where(inside, out.Add(place, np.int64(rows)), np.arange(rows)[None])
    return rows_of(out, out.Concat(past, new, axis=axis), index, axis, n)


def between(out: Builder, past: Value, new: Value, start: int, axis: int) -> Value:
    """Return concat(past[:start], new, past[start + S:])."""
    rows, count = shape_of(past)[axis], shape_of(new)[axis]
    parts: list[Any] = [new]
    if start:
        parts.insert(0, out.Slice(past, [0], [start], [axis], [1]))
    if start + count < rows:
        parts.append(out.Slice(past, [start + count], [rows], [axis], [1]))
    return out.Concat(*parts, axis=axis) if len(parts) > 1 else out.Identity(new)


def rows_of(out: Builder, table: Value, index: Value, axis: int, n: Node) -> Value:
    """Return rows `index` (B or 1, T) of each table of the batch, along `axis`."""
    shape = shape_of(n.inputs[0])
    if shape[0] == 1:
        return out.Gather(table, reshape(out, index, [-1]), axis=axis)
    front = [0, axis, *(a for a in range(1, len(shape)) if a != axis)]
    every = out.Expand(index, np.array([shape[0], shape[axis]]))
    every = reshape(out, every, (shape[0], shape[axis], 1))
    chosen = out.GatherND(out.Transpose(table, perm=front), every, batch_dims=1)
    return out.Transpose(chosen, perm=[int(a) for a in np.argsort(front)])
