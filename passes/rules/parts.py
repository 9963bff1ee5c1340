"""Small pieces that several decompositions share; no rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from mmc.ir import Array, Value, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch


def number(x: Value, value: float) -> Array:
    """Return a scalar in the type of `x`."""
    return np.asarray(value, dtype_of(x))


def polynomial(out: Builder, x: Value, like: Value, coefficients: Sequence[float]) -> Value:
    """Return c[0] + c[1] x + c[2] x² + … in the type of `like`, by Horner's rule."""
    p = out.Mul(x, number(like, coefficients[-1]))
    for coefficient in reversed(coefficients[1:-1]):
        p = out.Mul(out.Add(p, number(like, coefficient)), x)
    made: Value = out.Add(p, number(like, coefficients[0]))
    return made


def need_float(*values: Value) -> None:
    """Refuse integers, whose arithmetic is another."""
    if any(dtype_of(v).kind != "f" for v in values):
        raise NoMatch("the operands are not floating point")


def reshape(out: Builder, x: Value, shape: Sequence[int]) -> Value:
    """Return x in another shape."""
    made: Value = out.Reshape(x, np.asarray(shape, np.int64))
    return made


def reduce(out: Builder, kind: str, x: Value, axes: Iterable[int], keepdims: int = 1) -> Value:
    """Return `Reduce<kind>` of x over the axes."""
    listed = np.asarray(list(axes), np.int64)
    made: Value = out.node("Reduce" + kind, [x, listed], keepdims=keepdims)
    return made


def channelwise(x: Value) -> list[int]:
    """Return the shape that makes a vector of channels broadcast against x (N, C, ...)."""
    return [-1] + [1] * (len(shape_of(x)) - 2)


def row(c: Array, width: int) -> Array:
    """Return a constant as one number per column of a product, or refuse."""
    if c.size == 1:
        return np.full(width, c.reshape(-1)[0], c.dtype)
    if c.shape[-1] != width or c.size != width:
        raise NoMatch(f"a constant of shape {c.shape} is not one number per column")
    return c.reshape(-1)
