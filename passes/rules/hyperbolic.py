"""Hyperbolic functions and the tangent, by exp, log, sqrt, sin and cos."""

from __future__ import annotations

from functools import partial

from mmc.ir import Value
from mmc.pattern import Builder, op, rewrite

from .parts import number

decompose = partial(rewrite, stage="decompose")


@decompose(op.Tan("x"))
def tan(out: Builder, x: Value) -> Value:
    """tan(x)  ->  sin(x) / cos(x)."""
    return out.Div(out.Sin(x), out.Cos(x))


@decompose(op.Cosh("x"))
def cosh(out: Builder, x: Value) -> Value:
    """cosh(x)  ->  (exp(x) + exp(-x)) / 2."""
    return out.Mul(out.Add(out.Exp(x), out.Exp(out.Neg(x))), number(x, 0.5))


@decompose(op.Sinh("x"))
def sinh(out: Builder, x: Value) -> Value:
    """sinh(x)  ->  tanh(x) cosh(x): unlike (exp(x) - exp(-x)) / 2 it loses no digits near 0."""
    return out.Mul(out.Tanh(x), cosh.build(out, x))


@decompose(op.Acosh("x"))
def acosh(out: Builder, x: Value) -> Value:
    """acosh(x)  ->  log(x + sqrt((x - 1) (x + 1)))."""
    root = out.Sqrt(out.Mul(out.Sub(x, number(x, 1.0)), out.Add(x, number(x, 1.0))))
    return out.Log(out.Add(x, root))


@decompose(op.Asinh("x"))
def asinh(out: Builder, x: Value) -> Value:
    """asinh(x)  ->  sign(x) log(|x| + sqrt(x² + 1))."""
    root = out.Sqrt(out.Add(out.Mul(x, x), number(x, 1.0)))
    return out.Mul(out.Sign(x), out.Log(out.Add(out.Abs(x), root)))


@decompose(op.Atanh("x"))
def atanh(out: Builder, x: Value) -> Value:
    """atanh(x)  ->  log((1 + x) / (1 - x)) / 2."""
    ratio = out.Div(out.Add(x, number(x, 1.0)), out.Sub(number(x, 1.0), x))
    return out.Mul(out.Log(ratio), number(x, 0.5))
