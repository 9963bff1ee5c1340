"""Normalizations as means, products and one reciprocal square root."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

from .parts import channelwise, need_float, number, reduce, reshape


def inverse_deviation(out: Builder, square: Value, axes: Sequence[int], epsilon: float) -> Value:
    """Return 1 / sqrt(mean(square) + epsilon) over the axes."""
    variance = reduce(out, "Mean", square, axes)
    made: Value = out.Reciprocal(out.Sqrt(out.Add(variance, number(square, epsilon))))
    return made


def standardized(
    out: Builder, x: Value, axes: Sequence[int], epsilon: float
) -> tuple[Value, Value, Value]:
    """Return x - mean, the mean and 1 / sqrt(variance + epsilon) over the axes.

    The variance is that of the differences: mean(x ** 2) - mean ** 2 would cancel.
    """
    mean = reduce(out, "Mean", x, axes)
    centred: Value = out.Sub(x, mean)
    # The type of a new value is not known yet, but it is that of x.
    centred.type = x.type
    square = out.Mul(centred, centred)
    square.type = x.type
    return centred, mean, inverse_deviation(out, square, axes, epsilon)


def affine(
    out: Builder, x: Value, scale: Value | Array | None, bias: Value | Array | None
) -> Value:
    """Return x * scale + bias; an omitted part is left out."""
    if scale is not None:
        x = out.Mul(x, scale)
    return x if bias is None else out.Add(x, bias)


def shaped(out: Builder, value: Value | None, shape: Sequence[int]) -> Value | Array | None:
    """Return a vector in another shape; a constant one at once."""
    if value is None:
        return None
    data = constant(value)
    return reshape(out, value, shape) if data is None else data.reshape(shape)


@rewrite(op.LayerNormalization("x", "scale", maybe("bias")).named("n"), stage="decompose")
def expand_layer_normalization(
    out: Builder, x: Value, scale: Value, bias: Value | None, n: Node
) -> tuple[Value, ...]:
    """d = x - mean(x);  y = d / sqrt(mean(d * d) + epsilon) * scale + bias, over axis and later."""
    need_float(x)
    given, rank = attrs(n), len(shape_of(x))
    axes = range(given["axis"] % rank, rank)
    centred, mean, inverse = standardized(out, x, axes, given["epsilon"])
    y = affine(out, out.Mul(centred, inverse), scale, bias)
    return (y, mean, inverse)[: len(n.outputs)]


@rewrite(
    op.LayerNormalization("x", "scale", maybe("bias")).named("n"),
    stage="canonicalize",
    contract=Contract.REASSOCIATES,
)
def statistics_of_layer_normalization(
    out: Builder, x: Value, scale: Value, bias: Value | None, n: Node
) -> tuple[Value, ...]:
    """(y, mean, inverse deviation)  ->  y of its own, where the others are read: Core ML has y."""
    if not any(v.uses() or v.is_graph_output() for v in n.outputs[1:]):
        raise NoMatch("only its result is read")
    need_float(x)
    given, rank = attrs(n), len(shape_of(x))
    operands = [x, scale] if bias is None else [x, scale, bias]
    y = out.LayerNormalization(*operands, axis=given["axis"], epsilon=given["epsilon"])
    _, mean, inverse = standardized(out, x, range(given["axis"] % rank, rank), given["epsilon"])
    return (y, mean, inverse)[: len(n.outputs)]


@rewrite(op.RMSNormalization("x", "scale").named("n"), stage="decompose")
def expand_rms_normalization(out: Builder, x: Value, scale: Value, n: Node) -> Value:
    """y = x / sqrt(mean(x * x) + epsilon) * scale, over axis and later."""
    need_float(x)
    given, rank = attrs(n), len(shape_of(x))
    square = out.Mul(x, x)
    square.type = x.type
    inverse = inverse_deviation(out, square, range(given["axis"] % rank, rank), given["epsilon"])
    return affine(out, out.Mul(x, inverse), scale, None)


@rewrite(op.InstanceNormalization("x", "scale", "bias").named("n"), stage="decompose")
def expand_instance_normalization(
    out: Builder, x: Value, scale: Value, bias: Value, n: Node
) -> Value:
    """y = (x - mean) * (scale / sqrt(variance + epsilon)) + bias, over space of every channel."""
    need_float(x)
    axes, shape = range(2, len(shape_of(x))), channelwise(x)
    centred, _, inverse = standardized(out, x, axes, attrs(n)["epsilon"])
    factor = out.Mul(inverse, shaped(out, scale, shape))
    return affine(out, out.Mul(centred, factor), None, shaped(out, bias, shape))


@rewrite(op.GroupNormalization("x", "scale", "bias").named("n"), stage="decompose")
def expand_group_normalization(out: Builder, x: Value, scale: Value, bias: Value, n: Node) -> Value:
    """y = (x - mean) / sqrt(variance + epsilon) over each group of channels; then scale and bias.

    The groups are an axis next to the channels, so that either layout can hold them.
    """
    need_float(x)
    given = attrs(n)
    batch, channels, *space = shape_of(x)
    groups = given["num_groups"]
    if len(space) > 2:
        space = [space[0], math.prod(space[1:])]
    apart = groups > 1  # one group has all channels: no axis of groups is needed
    inner = (batch, groups, channels // groups, *space) if apart else shape_of(x)
    grouped = reshape(out, x, inner) if apart else x
    grouped.type = x.type
    axes = range(1 + apart, len(inner))
    centred, _, inverse = standardized(out, grouped, axes, given["epsilon"])
    y = out.Mul(centred, inverse)
    y = reshape(out, y, shape_of(x)) if apart else y
    shape = channelwise(x)
    return affine(out, y, shaped(out, scale, shape), shaped(out, bias, shape))


@rewrite(op.MeanVarianceNormalization("x").named("n"), stage="decompose")
def expand_mean_variance_normalization(out: Builder, x: Value, n: Node) -> Value:
    """y = (x - mean) / (sqrt(variance) + 1e-9)."""
    need_float(x)
    axes = attrs(n)["axes"]
    centred: Value = out.Sub(x, reduce(out, "Mean", x, axes))
    deviation = out.Sqrt(reduce(out, "Mean", out.Mul(centred, centred), axes))
    made: Value = out.Div(centred, out.Add(deviation, number(x, 1e-9)))
    return made


@rewrite(
    op.BatchNormalization("x", "scale", "bias", "mean", "variance").named("n"), stage="decompose"
)
def expand_batch_normalization(
    out: Builder, x: Value, scale: Value, bias: Value, mean: Value, variance: Value, n: Node
) -> Value:
    """f = scale / sqrt(variance + epsilon);  y = x * f + (bias - mean * f)."""
    need_float(x)
    given, shape = attrs(n), channelwise(x)
    if given["training_mode"] or len(n.outputs) > 1:
        raise NoMatch("it is in training mode")
    parts = [constant(v) for v in (scale, bias, mean, variance)]
    if len(shape_of(x)) < 2:
        raise NoMatch("it has no axis of channels")
    if all(p is not None for p in parts):
        s, b, m, v = (np.asarray(p, np.float64) for p in parts)
        factor = s / np.sqrt(v + given["epsilon"])
        kind = dtype_of(x)
        pair = (factor.astype(kind).reshape(shape), (b - m * factor).astype(kind).reshape(shape))
        return affine(out, x, *pair)
    deviation = out.Sqrt(out.Add(variance, number(x, given["epsilon"])))
    ratio = out.Div(scale, deviation)
    offset = out.Sub(bias, out.Mul(mean, ratio))
    return affine(out, x, reshape(out, ratio, shape), reshape(out, offset, shape))


@rewrite(op.LpNormalization("x").named("n"), stage="decompose")
def expand_lp_normalization(out: Builder, x: Value, n: Node) -> Value:
    """y = x / ||x||; a vector of zeros stays zero."""
    need_float(x)
    given = attrs(n)
    if given["p"] == 2:
        norm = out.Sqrt(reduce(out, "Sum", out.Mul(x, x), [given["axis"]]))
    else:
        norm = reduce(out, "Sum", out.Abs(x), [given["axis"]])
    smallest = number(x, np.finfo(dtype_of(x)).tiny)
    made: Value = out.Div(x, out.Max(norm, smallest))
    return made


@rewrite(op.LRN("x").named("n"), stage="decompose")
def expand_lrn(out: Builder, x: Value, n: Node) -> Value:
    """y = x * (bias + alpha / size * sum of x ** 2 over `size` channels) ** -beta.

    The sum over neighbouring channels is a 1x1 convolution with a banded matrix.
    """
    need_float(x)
    given, shape = attrs(n), shape_of(x)
    if len(shape) != 4:
        raise NoMatch("the convolution is over two axes")
    size, channels = given["size"], shape[1]
    offset = np.arange(channels)[None, :] - np.arange(channels)[:, None]
    band = (offset >= -((size - 1) // 2)) & (offset <= size // 2)
    kind = dtype_of(x)
    w = (band * (given["alpha"] / size)).astype(kind)[:, :, None, None]
    total = out.Conv(out.Mul(x, x), w, np.full(channels, given["bias"], kind))
    made: Value = out.Mul(x, out.Pow(total, number(x, -given["beta"])))
    return made
