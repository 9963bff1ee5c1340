"""Activations that are rounded to a grid and read back, as every quantized model has them."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Value, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, const, mmc_op, op, rewrite

from .quantized import whole

LEVELS = 255
"""Steps between the lowest and the highest of 8 bits."""


@rewrite(op.Add(op.Clip(op.Add("y", const("z")), const("low"), const("high")), const("c")))
def clip_around_zero(out: Builder, y: Value, z: Array, low: Array, high: Array, c: Array) -> Value:
    """clip(y + z, low, high) - z  ->  clip(y, low - z, high - z), for whole numbers."""
    if any(a.size != 1 for a in (z, low, high, c)) or z.item() != -c.item():
        raise NoMatch("it does not come back to where it was")
    if not whole(y) or not float(z.item()).is_integer():
        raise NoMatch("its sum may be rounded")
    if len(shape_of(y)) < max(z.ndim, c.ndim):
        raise NoMatch("its constants add axes")
    kind = dtype_of(y)
    return out.Clip(y, (low + c).astype(kind).reshape(()), (high + c).astype(kind).reshape(()))


@rewrite(op.Clip(op.Round(op.Div("x", const("step"))), const("low"), const("high")), stage="grid")
def on_grid(out: Builder, x: Value, step: Array, low: Array, high: Array) -> Value:
    """clip(round(x / step), low, high)  ->  dequantize(quantize(x, step), 1), in 8 bits."""
    if any(a.size != 1 for a in (step, low, high)):
        raise NoMatch("it has a step a channel")
    if not shape_of(x) or len(shape_of(x)) < step.ndim:
        raise NoMatch("its step adds axes, or it is a single number")
    zero = -128 - low.item()
    if high.item() - low.item() != LEVELS or not (-128 <= zero <= 127 and zero.is_integer()):
        raise NoMatch("its codes have not 8 bits")
    if not step.item() > 0:
        raise NoMatch("its step is not positive")
    return out.mmc.OnGrid(x, single(step), np.array(zero, np.int8), single(np.ones(1)))


@rewrite(op.Mul(mmc_op.OnGrid("x", "step", "zero", const("one")), const("scale")), stage="grid")
def scaled_grid(
    out: Builder, x: Value, step: Value, zero: Value, one: Array, scale: Array
) -> Value:
    """dequantize(quantize(x), 1) scale  ->  dequantize(quantize(x), scale)."""
    if scale.size != 1 or len(shape_of(x)) < scale.ndim:
        raise NoMatch("it has a scale a channel")
    return out.mmc.OnGrid(x, step, zero, single(one * scale))


def single(number: Array) -> Array:
    """Return a number as QuantizeLinear takes it."""
    return number.astype(np.float32).reshape(())
