"""Scales, shifts and normalizations by constants become part of a neighbouring convolution.

conv(x, w, b) * s + t  =  conv(x, w * s, b * s + t)   with s, t one number, or one per channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, operand, shape_of
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

CONV = op["Conv", "ConvTranspose"]("x", const("w"), maybe(const("b"))).named("conv")


def channels(n: Node) -> int:
    """Return the number of channels that a convolution makes."""
    return shape_of(n.outputs[0])[1]


def per_channel(c: Array, n: Node) -> Array:
    """Return a constant that is combined with the result of `n` as one number per channel."""
    rank, count = len(shape_of(n.outputs[0])), channels(n)
    if c.size == 1 and c.ndim <= rank:
        return np.full(count, c.reshape(-1)[0], np.float64)
    shape = (1,) * (rank - c.ndim) + c.shape
    if shape != (1, count) + (1,) * (rank - 2):
        raise NoMatch(f"a constant of shape {c.shape} is not one number per channel")
    return c.reshape(-1).astype(np.float64)


def affine(out: Builder, n: Node, scale: Array, shift: Array) -> Value:
    """Record convolution `n` with its result scaled and shifted per channel."""
    w = constant(n.inputs[1])
    b = constant(operand(n, 2))
    if w is None or w.dtype.kind != "f":
        raise NoMatch("the weight is not a float constant")
    factors = scale.reshape(-1, *(1,) * (w.ndim - 1))
    if n.op_type == "ConvTranspose":  # w is (inputs, outputs / group, ...)
        group = attrs(n)["group"]
        rows = np.repeat(scale.reshape(group, -1), w.shape[0] // group, axis=0)
        factors = rows.reshape(*rows.shape, *(1,) * (w.ndim - 2))
    weight: Any = n.inputs[1] if (scale == 1).all() else (w * factors).astype(w.dtype)
    bias = (shift if b is None else b * scale + shift).astype(w.dtype)
    if not np.isfinite(bias).all():
        raise NoMatch("the bias would not be finite")
    return out.again(n, [n.inputs[0], weight, bias])


def scale_and_shift(n: Node) -> tuple[Array, Array]:
    """Return s and t of a BatchNormalization: y = x * s + t per channel."""
    values = [constant(v) for v in n.inputs[1:5]]
    if any(v is None for v in values) or attrs(n)["training_mode"]:
        raise NoMatch("its statistics are not constant")
    gamma, beta, mean, variance = [np.asarray(v, np.float64) for v in values]
    scale = gamma / np.sqrt(variance + attrs(n)["epsilon"])
    if not np.isfinite(scale).all():
        raise NoMatch("its scale is not finite")
    return scale, beta - mean * scale


@rewrite(op.BatchNormalization(CONV, "scale", "bias", "mean", "variance").named("n"))
def conv_bn(out: Builder, conv: Node, n: Node) -> Value:
    """bn(conv(x, w, b))  ->  conv(x, w * s, b * s + t)."""
    return affine(out, conv, *scale_and_shift(n))


@rewrite(op.Add(CONV, const("c")))
def conv_add(out: Builder, conv: Node, c: Array) -> Value:
    """conv(x, w, b) + c  ->  conv(x, w, b + c)."""
    return affine(out, conv, np.ones(channels(conv)), per_channel(c, conv))


@rewrite(op.Mul(CONV, const("c")))
def conv_mul(out: Builder, conv: Node, c: Array) -> Value:
    """conv(x, w, b) * c  ->  conv(x, w * c, b * c)."""
    return affine(out, conv, per_channel(c, conv), np.zeros(channels(conv)))


@rewrite(op.Neg(CONV))
def conv_neg(out: Builder, conv: Node) -> Value:
    """-conv(x, w, b)  ->  conv(x, -w, -b)."""
    return affine(out, conv, -np.ones(channels(conv)), np.zeros(channels(conv)))


@rewrite(op.Clip(CONV, 0, 1), stage="decompose", loses_digits=True)
def conv_unit_clip(out: Builder, conv: Node) -> Value:
    """clip(conv(x, w, b), 0, 1)  ->  clip(conv(x, 6 w, 6 b), 0, 6) / 6: Relu6 is free."""
    six, none = np.full(channels(conv), 6.0), np.zeros(channels(conv))
    return out.Mul(out.Clip(affine(out, conv, six, none), 0.0, 6.0), 1 / 6)


@rewrite(op.Conv(op.Mul("x", const("c")).named("mul"), const("w"), maybe(const("b"))).named("conv"))
def mul_conv(
    out: Builder, x: Value, c: Array, w: Array, b: Array | None, mul: Node, conv: Node
) -> Value:
    """conv(x * c, w, b)  ->  conv(x, w * c, b): the pads are zeros before and after the scale."""
    return scaled_input(out, conv, x, per_channel(c, mul), np.zeros(channels(mul)))


@rewrite(
    op.Conv(op.Add("x", const("c")).named("add"), const("w"), maybe(const("b"))).named("conv"),
    loses_digits=True,
)
def add_conv(
    out: Builder, x: Value, c: Array, w: Array, b: Array | None, add: Node, conv: Node
) -> Value:
    """conv(x + c, w, b)  ->  conv(x, w, b + sum(w * c)), without pads."""
    return scaled_input(out, conv, x, np.ones(channels(add)), per_channel(c, add))


@rewrite(
    op.Conv(
        op.Add(op.Mul("x", const("a")), const("c")).named("add"), const("w"), maybe(const("b"))
    ).named("conv"),
    loses_digits=True,
)
def affine_conv(
    out: Builder, x: Value, a: Array, c: Array, w: Array, b: Array | None, add: Node, conv: Node
) -> Value:
    """conv(x * a + c, w, b)  ->  conv(x + c / a, w * a, b), where pads keep c out of the bias."""
    scale, shift = per_channel(a, add), per_channel(c, add)
    ratio = shift / np.where(scale == 0, np.inf, scale)
    if (scale == 0).any() or np.abs(ratio).max(initial=0) > 1e3:
        raise NoMatch("the scale is zero, or far smaller than the shift")
    tail = (1,) * (len(shape_of(x)) - 2)
    same = a.size == c.size == 1
    offset = (ratio[:1] if same else ratio.reshape(1, -1, *tail)).astype(w.dtype)
    return scaled_input(out, conv, out.Add(x, offset), scale, np.zeros_like(scale))


@rewrite(
    op.Conv(
        op.BatchNormalization("x", "scale", "bias", "mean", "variance").named("n"),
        const("w"),
        maybe(const("b")),
    ).named("conv"),
    loses_digits=True,
)
def bn_conv(out: Builder, x: Value, n: Node, conv: Node) -> Value:
    """conv(bn(x), w, b)  ->  conv(x, w * s, b + sum(w * t)), without pads."""
    return scaled_input(out, conv, x, *scale_and_shift(n))


def scaled_input(out: Builder, conv: Node, x: Value, scale: Array, shift: Array) -> Value:
    """Record conv(x * scale + shift) as a convolution of x."""
    w = constant(conv.inputs[1])
    b = constant(operand(conv, 2))
    if w is None or w.dtype.kind != "f":
        raise NoMatch("the weight is not a float constant")
    options = attrs(conv)
    padded = any(options.get("pads", ())) or options["auto_pad"] != "NOTSET"
    if shift.any() and padded:
        raise NoMatch("a pad is zero, the shifted input is not")
    group, tail = options["group"], (1,) * (w.ndim - 2)

    def by_weight(c: Array) -> Array:  # (inputs,) -> what multiplies w (outputs, inputs / group)
        rows = np.repeat(c.reshape(group, -1), w.shape[0] // group, axis=0)
        return rows.reshape(*rows.shape, *tail)

    weight = (w * by_weight(scale)).astype(w.dtype)
    added = (w * by_weight(shift)).sum(axis=tuple(range(1, w.ndim)))
    bias = b if not shift.any() else ((0 if b is None else b) + added).astype(w.dtype)
    return out.again(conv, [x, weight] if bias is None else [x, weight, bias])
