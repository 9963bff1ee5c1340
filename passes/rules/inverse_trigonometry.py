"""Inverse trigonometry by a polynomial: Hexagon has none of it, TFLite ATAN2 alone."""

from __future__ import annotations

import math
from functools import partial

from mmc.ir import Value
from mmc.pattern import Builder, op, rewrite

from .parts import number, polynomial

decompose = partial(rewrite, stage="decompose")

COEFFICIENTS = (
    1.0,
    -0.3333314528,
    0.1999355085,
    -0.1420889944,
    0.1065626393,
    -0.0752896400,
    0.0429096138,
    -0.0161657367,
    0.0028662257,
)
"""atan(r) = r P(r²) for |r| <= 1, within 2e-8 (Abramowitz and Stegun, 4.4.49)."""


@decompose(op.Atan("x"))
def atan(out: Builder, x: Value) -> Value:
    """atan(x)  ->  sign(x) (a if |x| <= 1 else π/2 - a), a = r P(r²), r = |x| or 1 / |x|."""
    size, one = out.Abs(x), number(x, 1.0)
    r = out.Div(out.Min(size, one), out.Max(size, one))
    square = out.Mul(r, r)
    angle = out.Mul(r, polynomial(out, square, x, COEFFICIENTS))
    beyond = out.Sub(number(x, math.pi / 2), angle)
    return out.Mul(out.Sign(x), out.Where(out.Greater(size, one), beyond, angle))


@decompose(op.Asin("x"))
def asin(out: Builder, x: Value) -> Value:
    """asin(x)  ->  atan(x / sqrt((1 - x) (1 + x))): 1 - x² would lose digits near 1."""
    root = out.Sqrt(out.Mul(out.Sub(number(x, 1.0), x), out.Add(x, number(x, 1.0))))
    return out.Atan(out.Div(x, root))


@decompose(op.Acos("x"))
def acos(out: Builder, x: Value) -> Value:
    """acos(x)  ->  2 atan(sqrt((1 - x) / (1 + x))): π/2 - asin(x) would lose digits near 1."""
    ratio = out.Div(out.Sub(number(x, 1.0), x), out.Add(x, number(x, 1.0)))
    return out.Mul(out.Atan(out.Sqrt(ratio)), number(x, 2.0))
