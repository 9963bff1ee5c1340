"""Smooth activations recognised in their formulas: Gelu, SiLU, Mish, Softplus, Softmax."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, dtype_of, shape_of
from mmc.passes.rules.reductions import axes_of
from mmc.pattern import Builder, NoMatch, const, either, op, rewrite

SQRT_HALF = 2**-0.5


def number_like(x: Value, number: float) -> Array:
    """Return a number in the type of `x`."""
    return np.array(number, dtype_of(x))


ERF_GATE = op.Add(op.Erf(op.Mul("x", SQRT_HALF)), 1)


@rewrite(op.Mul("x", ERF_GATE), stage="recognize")
def gelu_twice(out: Builder, x: Value) -> Value:
    """x (1 + erf(x / √2))  ->  2 gelu(x): what halves it, or scales further, takes the 2."""
    return out.Mul(out.Gelu(x), number_like(x, 2))


@rewrite(op.Mul(op.Mul("x", 0.5), ERF_GATE), stage="recognize")
def gelu_half_first(out: Builder, x: Value) -> Value:
    """(x / 2) (1 + erf(x / √2))  ->  gelu(x)."""
    return out.Gelu(x)


@rewrite(op.Mul("x", op.Mul(ERF_GATE, 0.5)), stage="recognize")
def gelu_half_inside(out: Builder, x: Value) -> Value:
    """x ((1 + erf(x / √2)) / 2)  ->  gelu(x)."""
    return out.Gelu(x)


SLOPE, CUBIC = (2 / np.pi) ** 0.5, 0.044715
CUBE = either(op.Pow("x", 3), op.Mul(op.Mul("x", "x"), "x"))
INSIDE = either(
    op.Mul(op.Add("x", op.Mul(CUBE, CUBIC)), SLOPE),
    op.Mul(op.Mul("x", SLOPE), op.Add(op.Mul(op.Mul("x", CUBIC), "x"), 1)),
    op.Mul(op.Mul("x", SLOPE), op.Add(op.Mul(op.Mul("x", "x"), CUBIC), 1)),
    op.Mul("x", op.Add(op.Mul(op.Mul("x", "x"), SLOPE * CUBIC), SLOPE)),
)
TANH_GATE = op.Add(op.Tanh(INSIDE), 1)


@rewrite(op.Mul("x", TANH_GATE), stage="recognize")
def gelu_tanh_twice(out: Builder, x: Value) -> Value:
    """x (1 + tanh(√(2/π) (x + 0.044715 x³)))  ->  2 gelu(x, tanh)."""
    return out.Mul(out.Gelu(x, approximate="tanh"), number_like(x, 2))


@rewrite(op.Mul(op.Mul("x", 0.5), TANH_GATE), stage="recognize")
def gelu_tanh_half_first(out: Builder, x: Value) -> Value:
    """(x / 2) (1 + tanh(√(2/π) (x + 0.044715 x³)))  ->  gelu(x, tanh)."""
    return out.Gelu(x, approximate="tanh")


@rewrite(op.Mul("x", op.Mul(TANH_GATE, 0.5)), stage="recognize")
def gelu_tanh_half_inside(out: Builder, x: Value) -> Value:
    """x ((1 + tanh(√(2/π) (x + 0.044715 x³))) / 2)  ->  gelu(x, tanh)."""
    return out.Gelu(x, approximate="tanh")


@rewrite(op.Mul("x", op.Sigmoid("x")), stage="recognize")
def silu(out: Builder, x: Value) -> Value:
    """x sigmoid(x)  ->  silu(x)."""
    return out.mmc.Silu(x)


@rewrite(op.Reciprocal(op.Add(op.Exp(op.Neg("x")), 1)), stage="recognize")
def sigmoid(out: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x))  ->  sigmoid(x)."""
    return out.Sigmoid(x)


@rewrite(op.Log(op.Add(op.Exp("x"), 1)), stage="recognize")
def recognize_softplus(out: Builder, x: Value) -> Value:
    """log(exp(x) + 1)  ->  softplus(x)."""
    return out.Softplus(x)


@rewrite(op.Mul("x", op.Tanh(op.Softplus("x"))), stage="recognize")
def recognize_mish(out: Builder, x: Value) -> Value:
    """x tanh(softplus(x))  ->  mish(x)."""
    return out.Mish(x)


STABLE = op.Exp(op.Sub("x", op.ReduceMax("x", const("axes")).named("peak")))


@rewrite(op.Div(STABLE, op.ReduceSum(STABLE, const("axis")).named("total")), stage="recognize")
def recognize_softmax(out: Builder, x: Value, peak: Node, total: Node) -> Value:
    """exp(x - max x) / sum(exp(x - max x))  ->  softmax(x)."""
    if axes_of(peak) != axes_of(total) or not attrs(peak)["keepdims"]:
        raise NoMatch("maximum and sum run over different axes")
    return normalized(out, x, total)


EXPONENTIAL = op.Exp("x")


@rewrite(
    op.Div(EXPONENTIAL, op.ReduceSum(EXPONENTIAL, const("axis")).named("total")), stage="recognize"
)
def softmax_without_max(out: Builder, x: Value, total: Node) -> Value:
    """exp(x) / sum(exp(x))  ->  softmax(x)."""
    return normalized(out, x, total)


def normalized(out: Builder, x: Value, total: Node) -> Value:
    """Record a Softmax over the one axis that `total` sums over."""
    axes = axes_of(total)
    if len(axes) != 1 or not attrs(total)["keepdims"]:
        raise NoMatch("the sum does not run over one axis, kept")
    last = axes[0] == len(shape_of(x)) - 1
    return out.Softmax(x, axis=None if last else axes[0])


@rewrite(op.Log(op.Softmax("x").named("inner")), stage="recognize")
def log_softmax(out: Builder, x: Value, inner: Node) -> Value:
    """log(softmax(x))  ->  logsoftmax(x)."""
    return out.LogSoftmax(x, axis=attrs(inner)["axis"])
