"""Operators that do nothing, and the algebra of neutral elements."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

exact = partial(rewrite, stage="canonicalize", contract=Contract.EXACT)


@exact(op.Identity("x"))
def identity(out: Builder, x: Value) -> Value:
    """identity(x)  ->  x."""
    return x


@exact(op.Dropout("x", maybe("ratio"), maybe("training")).named("n"))
def dropout(out: Builder, x: Value, training: Value | None, n: Node) -> list[Any]:
    """dropout(x)  ->  x, at inference."""
    flag = constant(training)
    if training is not None and (flag is None or flag.item()):
        raise NoMatch("it is in training mode, or may be")
    if any(mask.uses() or mask.is_graph_output() for mask in n.outputs[1:]):
        raise NoMatch("its mask is used")
    return [x, *(np.ones(shape_of(x), bool) for _ in n.outputs[1:])]


@exact(op["Add", "Sub"]("x", const("c")))
def add_zero(out: Builder, x: Value, c: Array) -> Value:
    """x + 0, x - 0  ->  x."""
    if c.size == 0 or c.any():
        raise NoMatch("the constant is not zero")
    return x


@exact(op["Mul", "Div", "Pow"]("x", const("c")).named("n"))
def times_one(out: Builder, x: Value, c: Array, n: Node) -> Value:
    """x * 1, x / 1, x ** 1  ->  x."""
    if c.size == 0 or (c != 1).any():
        raise NoMatch("the constant is not one")
    if constant(n.inputs[1]) is None:
        raise NoMatch("the one is on the left")
    return x


@exact(op.And("x", const("c")).named("n"))
def and_true(out: Builder, x: Value, c: Array, n: Node) -> Value:
    """x and true  ->  x, expanded as far as the constant broadcasts it."""
    if not c.all():
        raise NoMatch("the constant is not true")
    return broadcast(out, x, n)


@exact(op.Or("x", const("c")).named("n"))
def or_false(out: Builder, x: Value, c: Array, n: Node) -> Value:
    """x or false  ->  x, expanded as far as the constant broadcasts it."""
    if c.any():
        raise NoMatch("the constant is not false")
    return broadcast(out, x, n)


def broadcast(out: Builder, x: Value, n: Node) -> Value:
    """Return x in the shape of what n makes."""
    wanted = shape_of(n.outputs[0])
    made: Value = x if shape_of(x) == wanted else out.Expand(x, list(wanted))
    return made


@exact(op["Max", "Min", "Sum", "Mean", "Concat"]("x"))
def variadic_of_one(out: Builder, x: Value) -> Value:
    """max(x), sum(x), concat(x), ...  ->  x."""
    return x


@exact(op.Sum("x", "y"))
def sum_of_two(out: Builder, x: Value, y: Value) -> Value:
    """sum(x, y)  ->  x + y."""
    return out.Add(x, y)


@exact(op["Add", "Mul", "Max", "Min", "And", "Or", "Xor", "Equal"]("x", "y").named("n"))
def constant_on_the_right(out: Builder, x: Value, y: Value, n: Node) -> Value:
    """c ∘ x  ->  x ∘ c, for commutative operators."""
    left, right = n.inputs
    if constant(left) is None or constant(right) is not None:
        raise NoMatch("the constant, if any, is on the right")
    return out.node(n.op_type, [right, left])


@exact(op.Not(op.Not("x")))
def not_not(out: Builder, x: Value) -> Value:
    """not not x  ->  x."""
    return x


NEGATED = {"Less": "GreaterOrEqual", "Greater": "LessOrEqual"}


@exact(op.Not(op["Less", "Greater", "LessOrEqual", "GreaterOrEqual"]("x", "y").named("n")))
def not_compare(out: Builder, x: Value, y: Value, n: Node) -> Value:
    """not (x < y)  ->  x >= y, for integers: a NaN makes both sides false."""
    if dtype_of(x).kind not in "iu":
        raise NoMatch("floats may be NaN")
    other = NEGATED | {v: k for k, v in NEGATED.items()}
    return out.node(other[n.op_type], [x, y])


@exact(op.Where(const("c"), "x", "y"))
def where_of_constant(out: Builder, c: Array, x: Value, y: Value) -> Value:
    """where(true, x, y)  ->  x;  where(false, x, y)  ->  y."""
    if c.size == 0 or (c.any() and not c.all()):
        raise NoMatch("the condition is mixed")
    return x if c.all() else y


@exact(op.Where("c", "x", "x"))
def where_same(out: Builder, x: Value) -> Value:
    """where(c, x, x)  ->  x."""
    return x


@exact(op.Where(op.Not("c"), "x", "y"))
def where_not(out: Builder, c: Value, x: Value, y: Value) -> Value:
    """where(not c, x, y)  ->  where(c, y, x)."""
    return out.Where(c, y, x)


@exact(op.Where(op.Equal("x", const("zero", 0)).named("n"), "a", "b"))
def where_bool_as_number(out: Builder, x: Value, a: Value, b: Value, n: Node) -> Value:
    """where(cast(c) == 0, a, b)  ->  where(c, b, a), for a boolean c."""
    made = x.producer()
    source = made.inputs[0] if made is not None and made.op_type == "Cast" else None
    if source is None or dtype_of(source) != np.bool_:
        raise NoMatch(f"{x.name!r} is not a boolean made a number")
    return out.Where(source, b, a)


@exact(op.Expand("x", const("shape")).named("n"))
def expand_to_same(out: Builder, x: Value, n: Node) -> Value:
    """expand(x, shape of x)  ->  x."""
    if shape_of(x) != shape_of(n.outputs[0]):
        raise NoMatch("it broadcasts")
    return x


@exact(op.Tile("x", const("repeats")))
def tile_once(out: Builder, x: Value, repeats: Array) -> Value:
    """tile(x, 1, 1, ...)  ->  x."""
    if (repeats != 1).any():
        raise NoMatch("it repeats")
    return x


@exact(op.Pad("x", const("pads"), maybe("value"), maybe("axes")))
def pad_nothing(out: Builder, x: Value, pads: Array) -> Value:
    """pad(x, 0)  ->  x."""
    if pads.any():
        raise NoMatch("it pads")
    return x


@exact(op.Split("x", maybe("sizes")).named("n"))
def split_in_one(out: Builder, x: Value, n: Node) -> Value:
    """split(x) into one part  ->  x."""
    if len(n.outputs) != 1:
        raise NoMatch("it has several parts")
    return x


@exact(op.MaxPool("x").named("n"))
def max_pool_without_indices(out: Builder, x: Value, n: Node) -> list[Any]:
    """values, unused indices = maxpool(x)  ->  maxpool(x)."""
    if len(n.outputs) != 2 or n.outputs[1].uses() or n.outputs[1].is_graph_output():
        raise NoMatch("the indices are used, or not made")
    return [out.MaxPool(x, **attrs(n)), np.zeros(shape_of(n.outputs[1]), np.int64)]
