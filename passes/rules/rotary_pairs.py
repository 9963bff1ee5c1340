"""Rotary position embeddings of neighbours (stage `rotary`): pairs (x0, x1), (x2, x3), ..."""

from __future__ import annotations

from functools import partial

from mmc.ir import Node, Value, attrs, shape_of
from mmc.pattern import Builder, NoMatch, either, op, rewrite

from .angles import Angles, one_a_pair, rotated
from .rotary import part_of

rotary = partial(rewrite, stage="rotary")


def pair_of(even: Value, odd: Value) -> Value:
    """Return the value of which both are every second number, from 0 and from 1."""
    (x, first), (other, second) = place_in_pair(even), place_in_pair(odd)
    if x is not other or (first, second) != (0, 1):
        raise NoMatch("they are not every second number of one value")
    return x


def place_in_pair(value: Value) -> tuple[Value, int]:
    """Return x and i, where value is x[..., i::2], perhaps with a last axis of size 1."""
    made = value.producer()
    if made is not None and made.op_type == "Reshape" and made.inputs[0] is not None:
        flat, narrow = shape_of(value), shape_of(made.inputs[0])
        if narrow == (*flat, 1):
            value = made.inputs[0]
    source, (start, stop, step) = part_of(value)
    size = shape_of(source)[-1]
    if step == 2 and size % 2 == 0 and stop >= size - 1 + start:
        return source, start
    made, pairs = source.producer(), shape_of(source)
    if size != 2 or stop != start + 1 or made is None or made.op_type != "Reshape":
        raise NoMatch(f"{value.name!r} is no member of pairs")
    x = made.inputs[0]
    if x is None or shape_of(x) != (*pairs[:-2], 2 * pairs[-2]):
        raise NoMatch("the pairs are no neighbours")
    return x, start


EVEN = op.Sub(op.Mul("even", "cos"), op.Mul("odd", "sin"))
ODD = op.Add(op.Mul("odd", "cos"), op.Mul("even", "sin"))
STACK = op.Concat(either(op.Reshape(EVEN, "s1"), EVEN), either(op.Reshape(ODD, "s2"), ODD))


@rotary(op.Reshape(STACK.named("stack"), "s3").named("n"))
def rotary_embedding_interleaved(
    out: Builder, even: Value, odd: Value, cos: Value, sin: Value, stack: Node, n: Node
) -> Value:
    """stack(even cos - odd sin, odd cos + even sin)  ->  rotary(x, cos, sin, interleaved)."""
    x = pair_of(even, odd)
    need_stack_of(x, stack, n)
    pairs = (*shape_of(x)[:-1], shape_of(x)[-1] // 2)
    c, s = Angles.of(cos), Angles.of(sin)
    if shape_of(even) == (*pairs, 1):
        if c.shape[-1:] != (1,) or s.shape[-1:] != (1,):
            raise NoMatch("the angles are not one a pair")
        c, s = Angles(c.data, c.shape[:-1]), Angles(s.data, s.shape[:-1])
    return rotated(out, x, c, s, interleaved=1)


def need_stack_of(x: Value, stack: Node, n: Node) -> None:
    """Refuse a Concat and Reshape that do not put the members of pairs side by side, as in x."""
    shape = shape_of(x)
    pairs = (*shape[:-1], shape[-1] // 2, 2)
    made = stack.outputs[0]
    if attrs(stack)["axis"] != len(shape) or shape_of(made) != pairs:
        raise NoMatch("the results are not stacked as pairs")
    if shape_of(n.outputs[0]) != shape:
        raise NoMatch("the pairs do not become one axis again")


NEGATED = op.Neg("odd")
TURNED = op.Concat(
    either(op.Reshape(NEGATED, "s1"), NEGATED), either(op.Reshape("even", "s2"), "even")
)


@rotary(
    op.Add(op.Mul("x", "cos"), op.Mul(op.Reshape(TURNED.named("stack"), "s3").named("n"), "sin"))
)
def rotary_embedding_of_pairs(
    out: Builder,
    x: Value,
    cos: Value,
    sin: Value,
    even: Value,
    odd: Value,
    stack: Node,
    n: Node,
) -> Value:
    """x cos + stack(-odd(x), even(x)) sin  ->  rotary(x, cos, sin, interleaved), equal pairs."""
    source = pair_of(even, odd)
    if source is cos:
        x, cos = cos, x
    if source is not x:
        raise NoMatch("what is turned is not what is scaled")
    need_stack_of(x, stack, n)
    return rotated(out, x, one_a_pair(out, cos), one_a_pair(out, sin), interleaved=1)
