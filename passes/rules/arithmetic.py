"""Arithmetic in one spelling: sums and products of constants, powers, signs, reciprocals."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, constant, dtype_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, const, op, rewrite
from mmc.signs import may_be_negative

GROWTH = 65536
"""Constants are not combined when broadcasting makes the result larger than this many bytes."""


def combined(result: Array, *parts: Array) -> Array:
    """Return the combination of constants, unless it is not finite or has grown."""
    if result.nbytes > max([GROWTH, *(p.nbytes for p in parts)]):
        raise NoMatch("the combined constant would be large")
    if result.dtype.kind == "f" and not np.isfinite(result).all():
        raise NoMatch("the combined constant is not finite")
    return result


def is_float(value: Value) -> bool:
    """Say whether the value holds floats."""
    return dtype_of(value).kind == "f"


@rewrite(op.Sub("x", const("c")).named("n"), stage="canonicalize", contract=Contract.EXACT)
def subtract_constant(out: Builder, x: Value, c: Array) -> Value:
    """x - c  ->  x + (-c)."""
    if c.dtype.kind not in "fi":
        raise NoMatch(f"{c.dtype} has no negative numbers")
    return out.Add(x, -c)


@rewrite(op.Div("x", const("c")).named("n"), stage="canonicalize")
def divide_by_constant(out: Builder, x: Value, c: Array, n: Node) -> Value:
    """x / c  ->  x * (1 / c)."""
    if any(use.node.op_type in ("Round", "Floor", "Ceil") for use in n.outputs[0].uses()):
        raise NoMatch("its last bit decides how the quotient is rounded")
    if c.dtype.kind != "f":
        raise NoMatch("integers divide otherwise")
    with np.errstate(all="ignore"):
        inverse = (1.0 / c.astype(np.float64)).astype(c.dtype)
    tiny = np.finfo(c.dtype).tiny
    if not np.isfinite(inverse).all() or (np.abs(inverse) < tiny).any():
        raise NoMatch("the reciprocal leaves the range of normal numbers")
    return out.Mul(x, inverse)


@rewrite(op.Add(op.Add("x", const("a")), const("b")), stage="canonicalize")
def add_add(out: Builder, x: Value, a: Array, b: Array) -> Value:
    """(x + a) + b  ->  x + (a + b)."""
    if constant(x) is not None:
        raise NoMatch("it is constant")
    return out.Add(x, combined(a + b, a, b))


@rewrite(op.Mul(op.Mul("x", const("a")), const("b")), stage="canonicalize")
def mul_mul(out: Builder, x: Value, a: Array, b: Array) -> Value:
    """(x * a) * b  ->  x * (a * b)."""
    if constant(x) is not None:
        raise NoMatch("it is constant")
    with np.errstate(over="ignore"):
        return out.Mul(x, combined(a * b, a, b))


@rewrite(
    op["Add", "Mul"]("x", const("c")).named("n"), stage="canonicalize", contract=Contract.EXACT
)
def equal_numbers_are_one(out: Builder, x: Value, c: Array, n: Node) -> Value:
    """x * c  ->  x * number, for an array c of equal numbers (a vector stays a bias); + too."""
    if sum(d > 1 for d in c.shape) < 2 or (c != c.flat[0]).any():
        raise NoMatch("the constant is a number or a vector, or its numbers differ")
    if x.shape is None or x.shape != n.outputs[0].shape:
        raise NoMatch("the constant broadcasts x")
    return out.node(n.op_type, [x, c.flat[0]])


@rewrite(op.Neg(op.Neg("x")), stage="canonicalize", contract=Contract.EXACT)
def neg_neg(out: Builder, x: Value) -> Value:
    """-(-x)  ->  x."""
    return x


@rewrite(op.Mul("x", const("c")), stage="canonicalize", contract=Contract.EXACT)
def times_minus_one(out: Builder, x: Value, c: Array) -> Value:
    """x * -1  ->  -x."""
    if c.size == 0 or c.dtype.kind not in "fi" or (c != -1).any():
        raise NoMatch("the constant is not -1")
    return out.Neg(x)


@rewrite(op.Add("x", op.Neg("y")), stage="canonicalize", contract=Contract.EXACT)
def add_negative(out: Builder, x: Value, y: Value) -> Value:
    """x + (-y)  ->  x - y."""
    return out.Sub(x, y)


@rewrite(op.Add(op.Mul("x", const("c")), "x"), stage="canonicalize")
def add_multiple(out: Builder, x: Value, c: Array) -> Value:
    """x c + x  ->  x (c + 1)."""
    return out.Mul(x, combined(c + c.dtype.type(1), c))


@rewrite(op.Sub("x", op.Neg("y")), stage="canonicalize", contract=Contract.EXACT)
def subtract_negative(out: Builder, x: Value, y: Value) -> Value:
    """x - (-y)  ->  x + y."""
    return out.Add(x, y)


@rewrite(op.Pow("x", const("e")), stage="canonicalize")
def simple_power(out: Builder, x: Value, e: Array) -> Value:
    """x ** 2  ->  x * x;  0.5: sqrt(x);  -0.5: 1 / sqrt(x);  -1: 1 / x."""
    if e.size == 0 or (e != e.flat[0]).any():
        raise NoMatch("the exponents differ")
    power = float(e.flat[0])
    if power == 2:
        return out.Mul(x, x)
    if not is_float(x) or power not in (0.5, -0.5, -1):
        raise NoMatch(f"x ** {power} has no simpler form")
    root = x if power == -1 else out.Sqrt(x)
    return root if power == 0.5 else out.Reciprocal(root)


ROOT = op.Sqrt("x")


@rewrite(op.Mul(ROOT, ROOT), stage="canonicalize")
def square_of_root(out: Builder, x: Value) -> Value:
    """sqrt(x) sqrt(x)  ->  x, for x >= 0."""
    if may_be_negative(x):
        raise NoMatch("the root may be of a negative number")
    return x


@rewrite(op.Div(const("one", 1), "x").named("n"), stage="canonicalize", contract=Contract.EXACT)
def one_over(out: Builder, x: Value, one: Array, n: Node) -> Value:
    """1 / x  ->  reciprocal(x)."""
    if one.dtype.kind != "f" or one.item() != 1:
        raise NoMatch("it is not 1 / x in floats")
    return out.Reciprocal(x)


@rewrite(op.Mul("x", op.Reciprocal("y")), stage="canonicalize")
def times_reciprocal(out: Builder, x: Value, y: Value) -> Value:
    """x * (1 / y)  ->  x / y."""
    return out.Div(x, y)


@rewrite(op.Div("x", op.Reciprocal("y")), stage="canonicalize")
def over_reciprocal(out: Builder, x: Value, y: Value) -> Value:
    """x / (1 / y)  ->  x * y."""
    return out.Mul(x, y)


@rewrite(op.Reciprocal(op.Reciprocal("x")), stage="canonicalize")
def reciprocal_reciprocal(out: Builder, x: Value) -> Value:
    """1 / (1 / x)  ->  x."""
    return x


@rewrite(op.Abs(op["Abs", "Relu", "Sqrt", "Sigmoid", "Exp"]("x").named("n")), stage="canonicalize")
def abs_of_positive(out: Builder, x: Value, n: Node) -> Value:
    """|y|  ->  y, where y = |x|, relu(x), sqrt(x), ... is not negative."""
    return out.node(n.op_type, [x])
