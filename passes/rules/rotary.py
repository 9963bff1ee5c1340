"""Rotary position embeddings of halves (stage `rotary`), in the ways that models write them."""

from __future__ import annotations

from functools import partial

import numpy as np

from mmc.ir import Node, Value, attrs, constant, shape_of
from mmc.passes.rules.angles import Angles, first_half, rotated
from mmc.passes.rules.slices import ranges, slice_by
from mmc.pattern import Builder, NoMatch, op, rewrite

rotary = partial(rewrite, stage="rotary")
Span = tuple[int, int, int]


def part_of(value: Value) -> tuple[Value, Span]:
    """Return what value is a part of, and which: (start, stop, step) of the last axis."""
    made = value.producer()
    source = made.inputs[0] if made is not None and made.inputs else None
    if made is None or source is None:
        raise NoMatch(f"{value.name!r} is no part of another value")
    last = len(shape_of(source)) - 1
    if made.op_type == "Slice":
        spans = ranges(made)
        if len(spans) == 1 and spans[0][0] == last:
            return source, spans[0][1:]
    if made.op_type == "Split" and attrs(made)["axis"] % (last + 1) == last:
        sizes = [shape_of(v)[last] for v in made.outputs]
        start = sum(sizes[: value.index() or 0])
        return source, (start, start + sizes[value.index() or 0], 1)
    raise NoMatch(f"{value.name!r} is no part of the last axis")


def halves_of(out: Builder, low: Value, high: Value) -> Value:
    """Return the value that both are halves of, which may be a part of another one."""
    (x, first), (other, second) = part_of(low), part_of(high)
    if x is not other:
        raise NoMatch("they are parts of different values")
    (start, middle, step), end, last = first, second[1], len(shape_of(x)) - 1
    if step != 1 or second != (middle, 2 * middle - start, 1):
        raise NoMatch("they are not the halves")
    whole = (start, end) == (0, shape_of(x)[-1])
    return x if whole else slice_by(out, x, [(last, start, end, 1)])


def is_same(a: Value, b: Value) -> bool:
    """Say whether two values are one, or the same part of one."""
    try:
        return a is b or part_of(a) == part_of(b)
    except NoMatch:
        return False


ROTATED = op.Concat(op.Neg("high"), "low").named("turned")


@rotary(op.Add(op.Mul("x", "cos"), op.Mul(ROTATED, "sin")))
def rotary_embedding(
    out: Builder, x: Value, cos: Value, sin: Value, low: Value, high: Value, turned: Node
) -> Value:
    """x cos + concat(-high(x), low(x)) sin  ->  rotary(x, cos, sin), for equal halves of both."""
    source = halves_of(out, low, high)
    if is_same(source, cos):
        x, cos = cos, x
    if not is_same(source, x) or attrs(turned)["axis"] != len(shape_of(x)) - 1:
        raise NoMatch("what is turned is not what is scaled")
    half = shape_of(x)[-1] // 2
    return rotated(out, x, first_half(out, cos, half), first_half(out, sin, half))


@rotary(op.Add(op.Mul("x", "cos"), op.Mul(op.Concat("high", "low").named("turned"), "sin")))
def rotary_embedding_of_rolled(
    out: Builder, x: Value, cos: Value, sin: Value, low: Value, high: Value, turned: Node
) -> Value:
    """x cos + concat(high(x), low(x)) sin  ->  rotary(x, cos, sin), for sin of opposite halves."""
    source = halves_of(out, low, high)
    if source is cos:
        x, cos = cos, x
    half = shape_of(source)[-1] // 2
    if source is not x or attrs(turned)["axis"] != len(shape_of(x)) - 1:
        raise NoMatch("what is rolled is not what is scaled")
    known = constant(sin)
    if known is None or known.shape[-1:] != (2 * half,):
        raise NoMatch(f"{sin.name!r} is not constant, or of another size")
    if not np.array_equal(known[..., :half], -known[..., half:]):
        raise NoMatch(f"the halves of {sin.name!r} are not opposite")
    opposite = Angles(known[..., half:], (*known.shape[:-1], half))
    return rotated(out, x, first_half(out, cos, half), opposite)


@rotary(
    op.Concat(
        op.Sub(op.Mul("low", "cos"), op.Mul("high", "sin")),
        op.Add(op.Mul("high", "cos"), op.Mul("low", "sin")),
        ...,
    ).named("n")
)
def rotary_embedding_of_halves(
    out: Builder, low: Value, high: Value, cos: Value, sin: Value, n: Node
) -> Value:
    """concat(low cos - high sin, high cos + low sin, ...)  ->  concat(rotary(x, cos, sin), ...)."""
    x = halves_of(out, low, high)
    if attrs(n)["axis"] != len(shape_of(x)) - 1:
        raise NoMatch("the results do not lie where the halves were")
    y = rotated(out, x, Angles.of(cos), Angles.of(sin))
    made: Value = out.Concat(y, *n.inputs[2:], axis=attrs(n)["axis"]) if n.inputs[2:] else y
    return made


PARTS = op.Concat(op.RotaryEmbedding("low", "cos", "sin").named("turn"), "high").named("n")


@rotary(PARTS)
def rotary_embedding_of_part(
    out: Builder, low: Value, high: Value, cos: Value, sin: Value, turn: Node, n: Node
) -> Value:
    """concat(rotary(x[:r]), x[r:])  ->  rotary(x) with rotary_embedding_dim r."""
    (x, first), (other, second) = part_of(low), part_of(high)
    size, last = shape_of(x)[-1], len(shape_of(x)) - 1
    if attrs(n)["axis"] != last or len(shape_of(low)) != 4:
        raise NoMatch("it does not join four axes along the last")
    if x is not other or first[0] != 0 or first[2] != 1 or second != (first[1], size, 1):
        raise NoMatch("they are not the first part and the rest")
    pairs = attrs(turn)["interleaved"] or None
    return out.RotaryEmbedding(x, cos, sin, interleaved=pairs, rotary_embedding_dim=first[1])
