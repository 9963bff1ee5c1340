"""Relu, Clip, Min and Max in one spelling: Relu for (0, inf), else Clip with constant limits."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, constant, dtype_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

Limits = tuple[Array | None, Array | None]


def limits_of(n: Node) -> Limits:
    """Return the constant limits of a Clip or Relu, None where there is none; refuse others."""
    if n.op_type == "Relu":
        return np.zeros((), dtype_of(n.inputs[0])), None
    found: list[Array | None] = []
    for value in [*n.inputs[1:], None, None][:2]:
        array = constant(value)
        if value is not None and array is None:
            raise NoMatch("a limit is computed")
        found.append(array)
    return found[0], found[1]


def clip(out: Builder, x: Value, low: Array | None, high: Array | None) -> Value:
    """Record the simplest form of min(max(x, low), high)."""
    limits = np.finfo(dtype_of(x)) if dtype_of(x).kind == "f" else np.iinfo(dtype_of(x))
    if low is not None and low <= limits.min:
        low = None
    if high is not None and high >= limits.max:
        high = None
    if low is None and high is None:
        return x
    if high is None and low == 0 and dtype_of(x).kind == "f":
        return out.Relu(x)
    scalars = [None if v is None else v.reshape(()) for v in (low, high)]
    return out.node("Clip", [x, *scalars] if high is not None else [x, scalars[0]])


@rewrite(
    op.Clip("x", maybe("low"), maybe("high")).named("n"),
    stage="canonicalize",
    contract=Contract.EXACT,
)
def simple_clip(out: Builder, x: Value, n: Node) -> Value:
    """clip(x, 0, inf)  ->  relu(x);  limits beyond the type's range are dropped."""
    low, high = limits_of(n)
    result = clip(out, x, low, high)
    made = result.producer()
    if made is not None and made.op_type == "Clip" and result is not x:
        same = [v is None for v in made.inputs[1:]] == [v is None for v in n.inputs[1:]]
        if same:
            raise NoMatch("it is in its simplest form")
    return result


ORDERED = op["Clip", "Relu"](
    op["Clip", "Relu"]("x", maybe("a"), maybe("b")).named("inner"), maybe("c"), maybe("d")
).named("outer")


@rewrite(ORDERED, stage="canonicalize", contract=Contract.EXACT)
def clip_clip(out: Builder, x: Value, inner: Node, outer: Node) -> Value:
    """clip(clip(x, a, b), c, d)  ->  clip(x, clip(a, c, d), clip(b, c, d))."""
    (a, b), (c, d) = limits_of(inner), limits_of(outer)
    if (a is not None and b is not None and a > b) or (c is not None and d is not None and c > d):
        raise NoMatch("the limits are in the wrong order")
    low = c if a is None else _clamp(a, c, d)
    high = d if b is None else _clamp(b, c, d)
    return clip(out, x, low, high)


def _clamp(x: Array, low: Array | None, high: Array | None) -> Array:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


@rewrite(
    op["Max", "Min"]("x", const("c")).named("n"), stage="canonicalize", contract=Contract.EXACT
)
def max_to_clip(out: Builder, x: Value, c: Array, n: Node) -> Value:
    """max(x, c)  ->  clip(x, c, inf) or relu(x);  min(x, c)  ->  clip(x, -inf, c)."""
    if c.size != 1 or constant(x) is not None:
        raise NoMatch("the other operand is not one number")
    if np.isnan(c).any() if c.dtype.kind == "f" else False:
        raise NoMatch("the limit is NaN")
    return clip(out, x, c, None) if n.op_type == "Max" else clip(out, x, None, c)


@rewrite(op.PRelu("x", const("slope")), stage="canonicalize", contract=Contract.EXACT)
def prelu_of_one_slope(out: Builder, x: Value, slope: Array) -> Value:
    """prelu(x, slope)  ->  leakyrelu(x, alpha), for one number; relu(x) where it is 0."""
    if slope.size == 0 or slope.dtype.kind != "f" or (slope != slope.flat[0]).any():
        raise NoMatch("the slopes differ")
    alpha = float(slope.flat[0])
    return out.LeakyRelu(x, alpha=alpha) if alpha else out.Relu(x)


@rewrite(op.Max("x", op.Mul("x", const("c"))), stage="recognize", contract=Contract.EXACT)
def leaky_relu(out: Builder, x: Value, c: Array) -> Value:
    """max(x, c x)  ->  leakyrelu(x, alpha=c), for a number c between 0 and 1."""
    if c.size != 1 or c.dtype.kind != "f" or not 0 <= c.item() <= 1:
        raise NoMatch("the slope is not one number between 0 and 1")
    return out.LeakyRelu(x, alpha=float(c.item()))


@rewrite(
    op.Add(op.Relu("x"), op.Mul(op.Relu(op.Neg("x")), const("c"))),
    stage="recognize",
    contract=Contract.EXACT,
)
def prelu_of_two_sides(out: Builder, x: Value, c: Array) -> Value:
    """relu(x) + c relu(-x)  ->  prelu(x, -c)."""
    return out.PRelu(x, -c)
