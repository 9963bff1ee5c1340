"""LayerNormalization, RMSNormalization and InstanceNormalization in what exporters make of them.

The core of each is recognised with a scale of ones; what multiplies and adds constants after it
then becomes its scale and bias, in whatever order the exporter wrote them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, dtype_of, shape_of
from mmc.passes.rules.reductions import axes_of
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

MEAN = op.ReduceMean("x", const("axes")).named("mean")
CENTERED = op.Sub("x", MEAN)
VARIANCE = op.ReduceMean(op.Mul(CENTERED, CENTERED), const("axes2")).named("variance")
DEVIATION = op.Sqrt(op.Add(VARIANCE, const("epsilon")))


@rewrite(op.Div(CENTERED, DEVIATION), stage="recognize")
def layer_norm(out: Builder, x: Value, mean: Node, variance: Node, epsilon: Array) -> Value:
    """(x - mean x) / sqrt(var x + e)  ->  layernorm(x) over last axes, instancenorm over images."""
    axes = shared_axes(mean, variance)
    return normalized(out, x, axes, number(epsilon))


def shared_axes(mean: Node, variance: Node) -> list[int]:
    """Return the axes of mean and variance; refuse unless they agree and are kept."""
    axes = axes_of(mean)
    if axes != axes_of(variance) or not (attrs(mean)["keepdims"] and attrs(variance)["keepdims"]):
        raise NoMatch("mean and variance run over different axes")
    return axes


def number(epsilon: Array) -> float:
    """Return epsilon, which must be one number."""
    if epsilon.size != 1:
        raise NoMatch("epsilon is not one number")
    return float(epsilon.item())


def normalized(out: Builder, x: Value, axes: list[int], epsilon: float) -> Value:
    """Record the normalization of `x` over `axes` with a scale of ones."""
    shape, dtype = shape_of(x), dtype_of(x)
    rank = len(shape)
    if rank > 3 and axes == list(range(2, rank)):
        ones = np.ones(shape[1], dtype)
        return out.InstanceNormalization(x, ones, np.zeros_like(ones), epsilon=epsilon)
    if axes != list(range(axes[0], rank)):
        raise NoMatch(f"axes {axes} are not the last ones")
    ones = np.ones(shape[axes[0] :], dtype)
    return out.LayerNormalization(x, ones, axis=axes[0], epsilon=epsilon)


SCALED = op.Div(const("scale"), DEVIATION)


@rewrite(
    op.Add(op.Mul("x", SCALED), op.Sub(const("bias"), op.Mul(MEAN, SCALED))), stage="recognize"
)
def layer_norm_as_affine(
    out: Builder,
    x: Value,
    mean: Node,
    variance: Node,
    epsilon: Array,
    scale: Array,
    bias: Array,
) -> Value:
    """x r + (b - mean(x) r), r = g / sqrt(var x + e)  ->  layernorm(x) g + b."""
    core = normalized(out, x, shared_axes(mean, variance), number(epsilon))
    return out.Add(out.Mul(core, scale), bias)


INVERSE = op.Reciprocal(DEVIATION)


@rewrite(op.Sub(op.Mul("x", INVERSE), op.Mul(MEAN, INVERSE)), stage="recognize")
def layer_norm_as_difference(
    out: Builder, x: Value, mean: Node, variance: Node, epsilon: Array
) -> Value:
    """x r - mean(x) r, r = 1 / sqrt(var x + e)  ->  layernorm(x)."""
    return normalized(out, x, shared_axes(mean, variance), number(epsilon))


@rewrite(
    op.Div(
        "x",
        op.Sqrt(
            op.Add(op.ReduceMean(op.Mul("x", "x"), const("axes")).named("mean"), const("epsilon"))
        ),
    ),
    stage="recognize",
)
def rms_norm(out: Builder, x: Value, mean: Node, epsilon: Array) -> Value:
    """x / sqrt(mean(x²) + e)  ->  rmsnorm(x)."""
    axes, shape = axes_of(mean), shape_of(x)
    if axes != list(range(axes[0], len(shape))) or not attrs(mean)["keepdims"]:
        raise NoMatch(f"axes {axes} are not the last ones, kept")
    ones = np.ones(shape[axes[0] :], dtype_of(x))
    return out.RMSNormalization(x, ones, axis=axes[0], epsilon=number(epsilon))


NORM = op["LayerNormalization", "RMSNormalization"](
    "x", const("scale"), maybe(const("bias"))
).named("norm")


@rewrite(op.Mul(NORM, const("c")), stage="recognize")
def norm_scale(
    out: Builder, x: Value, scale: Array, bias: Array | None, c: Array, norm: Node
) -> Value:
    """layernorm(x, g, b) * c  ->  layernorm(x, g c, b c)."""
    factor = tail(c, scale)
    operands: list[Any] = [x, scale * factor] + ([] if bias is None else [bias * factor])
    return again(out, norm, operands)


@rewrite(op.Add(NORM, const("c")), stage="recognize")
def norm_shift(
    out: Builder, x: Value, scale: Array, bias: Array | None, c: Array, norm: Node
) -> Value:
    """layernorm(x, g, b) + c  ->  layernorm(x, g, b + c)."""
    if norm.op_type != "LayerNormalization":
        raise NoMatch("RMSNormalization has no bias")
    shift = np.broadcast_to(tail(c, scale), scale.shape)
    total = np.ascontiguousarray(shift if bias is None else bias + shift)
    return again(out, norm, [x, norm.inputs[1], total])


def tail(c: Array, scale: Array) -> Array:
    """Return `c` in the shape of the normalized axes; refuse what differs along the others."""
    if c.size == 1:
        return c.reshape(())
    lead = c.ndim - scale.ndim
    if lead < 0 or c.shape[lead:] != scale.shape or c.size != scale.size:
        raise NoMatch(f"a constant of shape {c.shape} does not fit normalized axes {scale.shape}")
    return c.reshape(scale.shape)


INSTANCE = op.InstanceNormalization("x", const("scale"), const("bias")).named("norm")


@rewrite(op["Mul", "Add"](INSTANCE, const("c")).named("n"), stage="recognize")
def instance_norm_affine(
    out: Builder, x: Value, scale: Array, bias: Array, c: Array, norm: Node, n: Node
) -> Value:
    """instancenorm(x, g, b) * c  ->  instancenorm(x, g c, b c);  + c: b + c."""
    from mmc.passes.rules.conv_affine import per_channel

    each = per_channel(c, norm).astype(scale.dtype)
    if n.op_type == "Add":
        return again(out, norm, [x, norm.inputs[1], bias + each])
    return again(out, norm, [x, scale * each, bias * each])


def again(out: Builder, n: Node, operands: list[Any]) -> Value:
    """Record node `n` with other operands."""
    options = {k: v for k, v in attrs(n).items() if k in n.attributes}
    made: Value = out.node(n.op_type, operands, **options)
    return made
