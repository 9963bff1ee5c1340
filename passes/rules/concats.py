"""Concat: what puts a value together again, and joins of joins."""

from __future__ import annotations

from functools import partial

from mmc.ir import Node, Value, attrs, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

from .slices import ranges, slice_by

exact = partial(rewrite, stage="canonicalize", contract=Contract.EXACT)


@exact(op.Concat("a", "b").named("n"))
def concat_of_parts(out: Builder, a: Value, b: Value, n: Node) -> Value:
    """concat(first part of x, rest of x)  ->  x, for the two parts of one Split."""
    made = a.producer()
    if made is None or made.op_type != "Split" or b.producer() is not made:
        raise NoMatch("the operands are not parts of one Split")
    if tuple(n.inputs) != tuple(made.outputs) or attrs(n)["axis"] != attrs(made)["axis"]:
        raise NoMatch("the parts are not all there, or not in order")
    assert made.inputs[0] is not None
    return made.inputs[0]


@exact(
    op.Slice(
        op.Concat(...).named("join"),
        const("starts"),
        const("ends"),
        maybe(const("axes")),
        maybe(const("steps")),
    ).named("n")
)
def slice_of_concat(out: Builder, join: Node, n: Node) -> Value:
    """concat(a, b, c)[part of b]  ->  b[part]."""
    axis = attrs(join)["axis"] % len(shape_of(join.outputs[0]))
    spans = {span[0]: span for span in ranges(n)}
    if axis not in spans or spans[axis][3] < 1:
        raise NoMatch("it takes all operands, or runs backwards")
    _, start, stop, step = spans[axis]
    for operand in join.inputs:
        assert operand is not None
        size = shape_of(operand)[axis]
        if 0 <= start < stop <= size:
            spans[axis] = (axis, start, stop, step)
            return slice_by(out, operand, sorted(spans.values()))
        start, stop = start - size, stop - size
    raise NoMatch("it takes parts of several operands")


@exact(op.Concat(...).named("n"))
def concat_of_concats(out: Builder, n: Node) -> Value:
    """concat(a, concat(b, c), d)  ->  concat(a, b, c, d), along one axis."""
    axis = attrs(n)["axis"]
    parts = [joined(value, axis) for value in n.inputs if value is not None]
    if all(len(part) == 1 for part in parts):
        raise NoMatch("none of its operands is a concat along its axis that nothing else reads")
    made: Value = out.Concat(*(value for part in parts for value in part), axis=axis)
    return made


def joined(value: Value, axis: int) -> list[Value]:
    """Return what a Concat along `axis` joins, if one place reads it; else the value itself."""
    made = value.producer()
    if made is None or made.op_type != "Concat" or made.domain or attrs(made)["axis"] != axis:
        return [value]
    if len(value.uses()) > 1 or value.is_graph_output():
        return [value]
    return [v for v in made.inputs if v is not None]
