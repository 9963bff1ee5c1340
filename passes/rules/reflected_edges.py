"""Reflections as slices and a concatenation, which a processor copies by rows (stage `lanes`)."""

from __future__ import annotations

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.passes.rules.slices import slice_by
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

MOST_AXES = 5
"""Of what slices backwards."""


@rewrite(op.Pad("x", const("pads"), maybe("value"), maybe(const("axes"))).named("n"), stage="lanes")
def reflected_edges(out: Builder, x: Value, pads: Array, axes: Array | None, n: Node) -> Value:
    """pad(x, (a, b), reflect)  ->  concat(x[a:0:-1], x, x[-2:-2 - b:-1]), one axis after another.

    The kernel of MIRROR_PAD finds the place of every element by divisions.
    """
    shape = shape_of(x)
    if attrs(n)["mode"] != "reflect" or len(shape) > MOST_AXES:
        raise NoMatch("it does not reflect, or has more axes than can be read backwards")
    where = range(len(shape)) if axes is None else [int(a) % len(shape) for a in axes]
    sides = {axis: pads.reshape(2, -1)[:, i].tolist() for i, axis in enumerate(where)}
    if any(not 0 <= side < shape[axis] for axis, pair in sides.items() for side in pair):
        raise NoMatch("it crops, or reflects more than once")
    wide = [pair for pair in sides.values() if any(pair)]
    if len(wide) == 1 and all(wide[0]):
        raise NoMatch("both ends of one row are two operators more, and a row is little")
    made = x
    for axis, (before, after) in sides.items():
        last = shape[axis] - 1
        parts = [backwards(out, made, axis, before, before), made]
        parts.append(backwards(out, made, axis, last - 1, after))
        kept = [part for part in parts if part is not None]
        made = made if len(kept) == 1 else out.node("Concat", kept, axis=axis)
    if made is x:
        raise NoMatch("it adds nothing")
    return made


def backwards(out: Builder, x: Value, axis: int, start: int, count: int) -> Value | None:
    """Record the slice of `count` elements from `start` down; None for none."""
    if count == 0:
        return None
    if count == 1:
        return slice_by(out, x, [(axis, start, start + 1, 1)])
    return slice_by(out, x, [(axis, start, start - count, -1)])
