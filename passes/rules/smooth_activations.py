"""Smooth activations recognised in their formulas: Gelu, SiLU, Mish, Softplus, Softmax."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, dtype_of, shape_of
from mmc.passes.rules.reductions import axes_of
from mmc.passes.rules.reshapes import perm_of
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


@rewrite(op.Div("y", op.Add(op.Exp(op.Neg("x")), 1)), stage="recognize")
def times_sigmoid(out: Builder, x: Value, y: Value) -> Value:
    """y / (1 + exp(-x))  ->  y sigmoid(x)."""
    return out.Mul(y, out.Sigmoid(x))


@rewrite(op.Div("x", op.Add(op.Abs("x"), 1)), stage="recognize")
def recognize_softsign(out: Builder, x: Value) -> Value:
    """x / (1 + |x|)  ->  softsign(x)."""
    return out.Softsign(x)


@rewrite(op.Log(op.Add(op.Exp("x"), 1)), stage="recognize")
def recognize_softplus(out: Builder, x: Value) -> Value:
    """log(exp(x) + 1)  ->  softplus(x)."""
    return out.Softplus(x)


@rewrite(
    op.Where(op.Greater("x", const("limit")), "x", op.Softplus("x")),
    stage="recognize",
)
def softplus_above_limit(out: Builder, x: Value, limit: Array) -> Value:
    """where(x > c, x, softplus(x))  ->  softplus(x), where c hides the difference."""
    need_hidden(limit)
    return out.Softplus(x)


@rewrite(
    op.Where(
        op.Greater(op.Mul("x", const("beta")), const("limit")),
        "x",
        op.Mul(op.Softplus(op.Mul("x", const("beta"))), const("inverse")),
    ),
    stage="recognize",
)
def scaled_softplus_above_limit(
    out: Builder, x: Value, beta: Array, limit: Array, inverse: Array
) -> Value:
    """where(b x > c, x, softplus(b x) / b)  ->  softplus(b x) / b, where c hides the difference."""
    need_hidden(limit)
    if not np.allclose(beta * inverse, 1, rtol=1e-6):
        raise NoMatch("the factors are not the inverse of each other")
    return out.Mul(out.Softplus(out.Mul(x, beta)), inverse)


def need_hidden(limit: Array) -> None:
    """Refuse a limit c above which softplus(x) - x <= exp(-c) is more than rounding x makes."""
    smallest = float(limit.min()) if limit.size else 0.0
    if smallest <= 0 or np.exp(-smallest) > np.finfo(limit.dtype).eps / 2 * smallest:
        raise NoMatch(f"softplus(x) differs from x just above {smallest}")


@rewrite(op.Add(op.Relu("x"), op.Softplus(op.Neg(op.Abs("x")))), stage="recognize")
def stable_softplus(out: Builder, x: Value) -> Value:
    """relu(x) + softplus(-|x|)  ->  softplus(x)."""
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


def normalized(out: Builder, x: Value, total: Node, op_type: str = "Softmax") -> Value:
    """Record a Softmax (or LogSoftmax) over the one axis that `total` sums over."""
    axes = axes_of(total)
    if len(axes) != 1 or not attrs(total)["keepdims"]:
        raise NoMatch("the sum does not run over one axis, kept")
    last = axes[0] == len(shape_of(x)) - 1
    return out.node(op_type, [x], axis=None if last else axes[0])


@rewrite(op.Log(op.Softmax("x").named("inner")), stage="recognize")
def log_softmax(out: Builder, x: Value, inner: Node) -> Value:
    """log(softmax(x))  ->  logsoftmax(x)."""
    return out.LogSoftmax(x, axis=attrs(inner)["axis"])


@rewrite(op.Sub("x", op.ReduceLogSumExp("x", const("axis")).named("total")), stage="recognize")
def log_softmax_of_sum(out: Builder, x: Value, total: Node) -> Value:
    """x - log(sum(exp(x)))  ->  logsoftmax(x)."""
    return normalized(out, x, total, "LogSoftmax")


@rewrite(
    op.Transpose(
        op["Softmax", "LogSoftmax"](op.Transpose("x").named("there")).named("inner")
    ).named("back"),
    stage="recognize",
)
def softmax_between_transposes(
    out: Builder, x: Value, there: Node, inner: Node, back: Node
) -> Value:
    """transpose(softmax(transpose(x)))  ->  softmax(x), where both transposes cancel."""
    perm = perm_of(there)
    if [perm[i] for i in perm_of(back)] != sorted(perm):
        raise NoMatch("the transposes do not cancel")
    return out.node(inner.op_type, [x], axis=perm[attrs(inner)["axis"]])
