"""Slices whose start is computed and whose length is not: rows gathered from there on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

exact = partial(rewrite, stage="canonicalize", contract=Contract.EXACT)

MOVES = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")
"""Operators that keep the integers they read, in their order."""


@dataclass(frozen=True)
class Place:
    """A computed integer: element `index` of `base` (None: 0), and a number more."""

    base: Value | None
    index: int
    more: int


def place(value: Value | None, index: int, more: int = 0) -> Place:
    """Return what an element of a vector of integers is, as far as sums and moves tell."""
    known = constant(value)
    if known is not None:
        flat = known.reshape(-1)
        return Place(None, 0, more + int(flat[index if flat.size > 1 else 0]))
    node = None if value is None else value.producer()
    if value is None or node is None or dtype_of(value).kind != "i":
        return Place(value, index, more)
    if node.op_type == "Add":
        for a, b in (node.inputs, node.inputs[::-1]):
            added = constant(b)
            if added is not None:
                number = added.reshape(-1)[index if added.size > 1 else 0]
                return place(a, index if np.prod(shape_of(a)) > 1 else 0, more + int(number))
    if node.op_type == "Concat":
        for part in node.inputs:
            size = int(np.prod(shape_of(part)))
            if index < size:
                return place(part, index, more)
            index -= size
    if node.op_type in MOVES and dtype_of(node.inputs[0]).kind == "i":
        return place(node.inputs[0], index, more)
    return Place(value, index, more)


@exact(op.Slice("x", "starts", "ends", maybe(const("axes")), maybe(const("steps"))).named("n"))
def slice_of_known_length(
    out: Builder,
    x: Value,
    starts: Value,
    ends: Value,
    axes: Array | None,
    steps: Array | None,
    n: Node,
) -> Value:
    """x[s:s + k]  ->  gather(x, s + (0, ..., k - 1)), for a computed s.

    Where less than k elements are left, ONNX takes those; then the shape is not static, and the
    gather has nothing to read.
    """
    if constant(starts) is not None:
        raise NoMatch("its start is known")
    if steps is not None and (steps != 1).any():
        raise NoMatch("it takes steps")
    count = shape_of(starts)[0]
    over = range(count) if axes is None else axes.tolist()
    spans = []
    for i, axis in enumerate(over):
        first, last, size = place(starts, i), place(ends, i), shape_of(x)[axis]
        length = last.more - first.more
        if (first.base, first.index) != (last.base, last.index) or not 0 < length <= size:
            raise NoMatch("its length is computed, too")
        if length < size:
            spans.append((axis, first, length))
    for axis, first, length in spans:
        x = from_there(out, x, first, length, axis)
    return x if spans else out.Identity(x)


def from_there(out: Builder, x: Value, first: Place, length: int, axis: int) -> Value:
    """Record `length` elements of `x` from a place on."""
    steps = first.more + np.arange(length)
    if first.base is None:
        return out.Gather(x, steps, axis=axis)
    shape = shape_of(first.base)
    start = first.base if len(shape) == 1 else out.Reshape(first.base, [-1])
    if int(np.prod(shape)) > 1:
        start = out.Gather(start, np.array([first.index]), axis=0)
    return out.Gather(x, out.Add(start, steps.astype(dtype_of(first.base))), axis=axis)


@exact(op.Compress("x", const("kept")).named("n"))
def compress_by_constant(out: Builder, x: Value, kept: Array, n: Node) -> Value:
    """compress(x, kept)  ->  gather(x, where(kept)), of a vector where no axis is given."""
    places = np.flatnonzero(kept)
    if not places.size:
        raise NoMatch("it keeps nothing")
    axis = attrs(n).get("axis")
    if axis is None:
        return out.Gather(out.Reshape(x, [-1]), places, axis=0)
    return out.Gather(x, places, axis=axis)
