"""Slice, Split and Gather: what cancels, and what has a simpler form."""

from __future__ import annotations

from functools import partial
from typing import Any

from mmc.ir import Array, Node, Value, attrs, constant, operand, shape_of
from mmc.pass_manager import Contract
from mmc.passes.rules.reshapes import reshape
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

exact = partial(rewrite, stage="canonicalize", contract=Contract.EXACT)

SLICE = op.Slice("x", const("starts"), const("ends"), maybe(const("axes")), maybe(const("steps")))
BACK_TO_FRONT = -(2**31) + 1
"""Written as the end of a slice that runs backwards past the first element."""


def ranges(n: Node) -> list[tuple[int, int, int, int]]:
    """Return (axis, start, stop, step) of a Slice: constant bounds, clamped, no whole axes.

    `stop` is -1 when a negative step runs past the first element.
    """
    x = n.inputs[0]
    shape = shape_of(x) if x is not None else ()
    starts, ends, axes, steps = [constant(v) for v in [*n.inputs[1:], None, None][:4]]
    if (
        starts is None
        or ends is None
        or any(v is not None and constant(v) is None for v in n.inputs[1:])
    ):
        raise NoMatch("its bounds are computed")
    where = range(len(starts)) if axes is None else axes.tolist()
    found = []
    for i, axis in enumerate(where):
        axis, step = axis % len(shape), 1 if steps is None else int(steps[i])
        size = shape[axis]
        span = slice(_bound(int(starts[i]), size), _bound(int(ends[i]), size), step)
        start, stop = _clamped(span, size)
        if (start, stop, step) != (0, size, 1):
            found.append((axis, start, stop, step))
    return sorted(found)


def _bound(position: int, size: int) -> int:
    return position + size if position < 0 else position


def _clamped(span: slice, size: int) -> tuple[int, int]:
    if span.step > 0:
        start = min(max(span.start, 0), size)
        return start, max(min(max(span.stop, 0), size), start)
    start = min(max(span.start, 0), size - 1)
    return start, min(max(span.stop, -1), start)


def slice_by(out: Builder, x: Value, spans: list[tuple[int, int, int, int]]) -> Value:
    """Record a Slice in its one spelling: axes and steps explicit, bounds clamped."""
    axes, starts, stops, steps = (list(column) for column in zip(*spans, strict=True))
    ends = [BACK_TO_FRONT if s < 0 else s for s in stops]
    return out.Slice(x, starts, ends, axes, steps)


@exact(op.ReverseSequence("x", const("lengths")).named("n"))
def reverse_everything(out: Builder, x: Value, lengths: Array, n: Node) -> Value:
    """reversesequence(x, lengths)  ->  x[::-1], where every length is that of the axis."""
    axis = attrs(n)["time_axis"]
    size = shape_of(x)[axis]
    if (lengths != size).any():
        raise NoMatch("some of it ends before the axis does")
    return slice_by(out, x, [(axis, size - 1, -1, -1)])


@exact(SLICE.named("n"))
def slice_nothing(out: Builder, x: Value, n: Node) -> Value:
    """x[0:size]  ->  x."""
    if ranges(n):
        raise NoMatch("it takes a part")
    return x


@exact(SLICE.named("n"))
def slice_explicit(out: Builder, x: Value, n: Node) -> Value:
    """x[a:b]  ->  x[a:b] with sorted axes, clamped bounds and explicit steps."""
    spans = ranges(n)
    if not spans:
        raise NoMatch("it takes everything")
    wanted = [[s[1] for s in spans], [BACK_TO_FRONT if s[2] < 0 else s[2] for s in spans]]
    wanted += [[s[0] for s in spans], [s[3] for s in spans]]
    given = [constant(v) for v in n.inputs[1:]]
    if [None if g is None else g.tolist() for g in given] == wanted:
        raise NoMatch("it is explicit")
    return slice_by(out, x, spans)


@exact(
    op.Slice(
        op.Slice("x", "s1", "e1", maybe("a1"), maybe("t1")).named("inner"),
        "s2",
        "e2",
        maybe("a2"),
        maybe("t2"),
    ).named("outer")
)
def slice_slice(out: Builder, x: Value, inner: Node, outer: Node) -> Value:
    """x[a:b][c:d]  ->  x[a + c:a + d], for steps of one direction."""
    return cut_twice(out, x, inner, outer)


@exact(op.Slice("part", "s", "e", maybe("a"), maybe("t")).named("outer"))
def slice_strided_slice(out: Builder, part: Value, outer: Node) -> Value:
    """x[::2][:, 1::2]  ->  x[::2, 1::2], where other slices read x[::2] too.

    Of parts without steps a Split may be made, which needs the value that they share.
    """
    inner = part.producer()
    if inner is None or inner.op_type != "Slice" or inner.inputs[0] is None:
        raise NoMatch("it cuts no slice")
    readers = [use.node for use in part.uses()]
    if part.is_graph_output() or any(
        n.op_type != "Slice" or n.inputs[0] is not part for n in readers
    ):
        raise NoMatch("what it cuts is read by others than slices")
    if all(span[3] == 1 for n in (inner, *readers) for span in ranges(n)):
        raise NoMatch("none of them has steps")
    return cut_twice(out, inner.inputs[0], inner, outer)


def cut_twice(out: Builder, x: Value, inner: Node, outer: Node) -> Value:
    """Record the Slice of `x` that takes what `outer` takes of `inner`."""
    first = {s[0]: s[1:] for s in ranges(inner)}
    second = {s[0]: s[1:] for s in ranges(outer)}
    both = dict(first)
    for axis, (start, stop, step) in second.items():
        base, _, stride = first.get(axis, (0, 0, 1))
        if axis in first and (stride < 0 or step < 0):
            raise NoMatch("one of them runs backwards")
        both[axis] = (base + start * stride, base + (stop - 1) * stride + 1, step * stride)
        if stop <= start and axis in first:
            raise NoMatch("it is empty")
        if axis not in first:
            both[axis] = (start, stop, step)
    return slice_by(out, x, sorted((axis, *span) for axis, span in both.items()))


@exact(op.Gather("x", const("index")).named("n"))
def gather_one(out: Builder, x: Value, index: Array, n: Node) -> Value:
    """gather(x, i)  ->  reshape(x[i:i+1]), for one index into a computed x."""
    if constant(x) is not None or index.size != 1:
        raise NoMatch("it takes several, or looks up a table")
    shape = shape_of(x)
    axis = attrs(n)["axis"] % len(shape)
    position = int(index.item()) % shape[axis]
    part = x if shape[axis] == 1 else slice_by(out, x, [(axis, position, position + 1, 1)])
    wanted = shape_of(n.outputs[0])
    return reshape(out, part, wanted)


@exact(op.Split("x", maybe("sizes")).named("n"))
def split_explicit(out: Builder, x: Value, n: Node) -> tuple[Value, ...]:
    """split(x, num_outputs)  ->  split(x, sizes)."""
    axis = attrs(n)["axis"]
    sizes = [shape_of(v)[axis] for v in n.outputs]
    given = constant(operand(n, 1))
    if len(sizes) < 2 or (given is not None and "num_outputs" not in n.attributes):
        raise NoMatch("the sizes are explicit")
    count = len(sizes)
    parts: tuple[Value, ...] = out.node("Split", [x, sizes], outputs=count, axis=axis)
    return parts


@exact(
    op.Pad(
        op.Pad("x", const("p"), maybe(const("v"))).named("inner"), const("q"), maybe(const("w"))
    ).named("outer")
)
def pad_pad(
    out: Builder,
    x: Value,
    p: Array,
    v: Array | None,
    q: Array,
    w: Array | None,
    inner: Node,
    outer: Node,
) -> Value:
    """pad(pad(x, p), q)  ->  pad(x, p + q), for one constant value and no cropping."""
    if attrs(inner)["mode"] != "constant" or attrs(outer)["mode"] != "constant":
        raise NoMatch("they do not pad with a constant")
    values = [0.0 if a is None else float(a.item()) for a in (v, w)]
    if values[0] != values[1] or p.min(initial=0) < 0 or q.min(initial=0) < 0:
        raise NoMatch("the values differ, or one of them crops")
    value: list[Any] = [] if v is None and w is None else [v if v is not None else w]
    return out.Pad(x, p + q, *value)


@exact(op.Gather(const("table"), const("index")).named("n"))
def gather_same_row(out: Builder, table: Array, index: Array, n: Node) -> Value:
    """gather(table, [i, i, ...])  ->  expand(table[i]): what adds it broadcasts it anyway."""
    axis = attrs(n)["axis"]
    if index.size < 2 or (index != index.flat[0]).any() or axis != 0 or table.ndim < 1:
        raise NoMatch("the indices differ, or do not count rows")
    row = table[int(index.flat[0])]
    return out.Expand(row, list(shape_of(n.outputs[0])))
