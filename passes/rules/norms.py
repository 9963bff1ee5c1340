"""LayerNormalization, RMSNormalization and InstanceNormalization in what exporters make of them.

The core of each is recognised with a scale of ones; what multiplies and adds constants after it
then becomes its scale and bias (norm_affine), in whatever order the exporter wrote them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from mmc.ir import Array, Node, Value, attrs, dtype_of, shape_of
from mmc.passes.rules.reductions import axes_of
from mmc.pattern import Builder, NoMatch, const, either, op, rewrite

MEAN = op.ReduceMean("x", const("axes")).named("mean")
CENTERED = op.Sub("x", MEAN)
DIFFERENCE = op.Sub(op.ReduceMean(op.Mul("x", "x"), const("axes2")), op.Mul(MEAN, MEAN))
VARIANCE = either(
    op.ReduceMean(op.Mul(CENTERED, CENTERED), const("axes2")).named("variance"),
    op.Relu(DIFFERENCE.named("variance")),
    DIFFERENCE.named("variance"),
)
"""E[x²] - E[x]² is matched to be refused with a reason."""
DEVIATION = op.Sqrt(either(op.Add(VARIANCE, const("epsilon")), VARIANCE))
"""Without epsilon too: an exporter drops one that it takes for zero, such as 1e-12."""


@rewrite(op.Div(CENTERED, DEVIATION), stage="recognize")
def layer_norm(out: Builder, x: Value, mean: Node, variance: Node, epsilon: Array | None) -> Value:
    """(x - mean x) / sqrt(var x + e)  ->  layernorm(x) over last axes, instancenorm over images."""
    axes = shared_axes(mean, variance)
    return normalized(out, x, axes, number(epsilon))


def shared_axes(mean: Node, variance: Node) -> list[int]:
    """Return the axes of mean and variance; refuse unless they agree and are kept.

    E[x²] - E[x]² cancels, so a model's own numbers are far from those of a better form.
    """
    if variance.op_type == "Sub":
        raise NoMatch("the variance is E[x²] - E[x]², whose rounding errors no other form has")
    axes = axes_of(mean)
    if axes != axes_of(variance) or not (attrs(mean)["keepdims"] and attrs(variance)["keepdims"]):
        raise NoMatch("mean and variance run over different axes")
    return axes


def number(epsilon: Array | None) -> float:
    """Return epsilon, which must be one number; 0 where none is added."""
    if epsilon is None:
        return 0.0
    if epsilon.size != 1:
        raise NoMatch("epsilon is not one number")
    return float(epsilon.item())


def normalized(out: Builder, x: Value, axes: list[int], epsilon: float) -> Value:
    """Record the normalization of `x` over `axes` with a scale of ones."""
    rank, dtype = len(shape_of(x)), dtype_of(x)
    for channel in (1, rank - 1):
        if rank > 3 and axes == [i for i in range(1, rank) if i != channel]:
            ones = np.ones(shape_of(x)[channel], dtype)
            norm = partial(out.InstanceNormalization, epsilon=epsilon)
            return turned(out, norm, x, [0, channel, *axes], ones, np.zeros_like(ones))
    return over_last(out, out.LayerNormalization, x, axes, epsilon)


def over_last(
    out: Builder, norm: Callable[..., Value], x: Value, axes: Sequence[int], epsilon: float
) -> Value:
    """Record `norm` over any axes of `x`: between transposes where they are not the last ones."""
    shape = shape_of(x)
    perm = [i for i in range(len(shape)) if i not in axes] + list(axes)
    ones = np.ones([shape[i] for i in axes], dtype_of(x))
    whole = partial(norm, axis=len(shape) - len(axes), epsilon=epsilon)
    return turned(out, whole, x, perm, ones)


def turned(
    out: Builder, norm: Callable[..., Value], x: Value, perm: list[int], *operands: Array
) -> Value:
    """Record `norm` of `x` with its axes in the order `perm`, which is undone afterwards."""
    if perm == sorted(perm):
        return norm(x, *operands)
    y = norm(out.Transpose(x, perm=perm), *operands)
    made: Value = out.Transpose(y, perm=np.argsort(perm).tolist())
    return made


@rewrite(op.RMSNormalization(CENTERED, const("scale")).named("norm"), stage="recognize")
def layer_norm_of_rms_norm(out: Builder, x: Value, mean: Node, scale: Array, norm: Node) -> Value:
    """rmsnorm(x - mean x)  ->  layernorm(x)."""
    given, rank = attrs(norm), len(shape_of(x))
    if not attrs(mean)["keepdims"] or axes_of(mean) != list(range(given["axis"] % rank, rank)):
        raise NoMatch("mean and norm run over different axes")
    return out.LayerNormalization(x, scale, axis=given["axis"], epsilon=given["epsilon"])


SCALED = op.Div(const("scale"), DEVIATION)
SHIFT = either(
    op.Sub(const("bias"), op.Mul(MEAN, SCALED)),
    op.Add(op.Mul(op.Neg(MEAN), SCALED), const("bias")),
)


@rewrite(op.Add(op.Mul("x", SCALED), SHIFT), stage="recognize")
def layer_norm_as_affine(
    out: Builder,
    x: Value,
    mean: Node,
    variance: Node,
    epsilon: Array | None,
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


@rewrite(op.Mul(CENTERED, SCALED), stage="recognize")
def layer_norm_of_quotient(
    out: Builder, x: Value, mean: Node, variance: Node, epsilon: Array | None, scale: Array
) -> Value:
    """(x - mean x) (g / sqrt(var x + e))  ->  layernorm(x) g."""
    return out.Mul(normalized(out, x, shared_axes(mean, variance), number(epsilon)), scale)


@rewrite(op.Div(op.Mul(CENTERED, const("scale")), DEVIATION), stage="recognize")
def layer_norm_of_product(
    out: Builder, x: Value, mean: Node, variance: Node, epsilon: Array | None, scale: Array
) -> Value:
    """(x - mean x) g / sqrt(var x + e)  ->  layernorm(x) g."""
    return out.Mul(normalized(out, x, shared_axes(mean, variance), number(epsilon)), scale)


MEAN_SQUARE = op.ReduceMean(op.Mul("x", "x"), const("axes")).named("mean")
ROOT_MEAN_SQUARE = op.Sqrt(either(op.Add(MEAN_SQUARE, const("epsilon")), MEAN_SQUARE))


@rewrite(op.Div("x", ROOT_MEAN_SQUARE), stage="recognize")
def rms_norm(out: Builder, x: Value, mean: Node, epsilon: Array | None) -> Value:
    """x / sqrt(mean(x²) + e)  ->  rmsnorm(x)."""
    return root_mean_square(out, x, mean, epsilon)


def root_mean_square(out: Builder, x: Value, mean: Node, epsilon: Array | None) -> Value:
    """Record the normalization of `x` over the axes of `mean` with a scale of ones."""
    if not attrs(mean)["keepdims"]:
        raise NoMatch("the axes of the mean are not kept")
    return over_last(out, out.RMSNormalization, x, axes_of(mean), number(epsilon))


@rewrite(op.Mul("x", op.Div(const("scale"), ROOT_MEAN_SQUARE)), stage="recognize")
def rms_norm_of_quotient(
    out: Builder, x: Value, mean: Node, epsilon: Array | None, scale: Array
) -> Value:
    """x (g / sqrt(mean(x²) + e))  ->  rmsnorm(x) g."""
    return out.Mul(root_mean_square(out, x, mean, epsilon), scale)


@rewrite(op.Div(op.Mul("x", const("scale")), ROOT_MEAN_SQUARE), stage="recognize")
def rms_norm_of_product(
    out: Builder, x: Value, mean: Node, epsilon: Array | None, scale: Array
) -> Value:
    """x g / sqrt(mean(x²) + e)  ->  rmsnorm(x) g."""
    return out.Mul(root_mean_square(out, x, mean, epsilon), scale)
