"""Activation functions that kernels do not have, in the fewest that they do."""

from __future__ import annotations

import numpy as np

from mmc.ir import Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

from .parts import need_float, number


def clip(out: Builder, x: Value, like: Value, low: float, high: float) -> Value:
    """Return x between two bounds in the type of `like`."""
    made: Value = out.Clip(x, number(like, low), number(like, high))
    return made


@rewrite(op.HardSigmoid("x").named("n"), stage="decompose")
def expand_hard_sigmoid(out: Builder, x: Value, n: Node) -> Value:
    """y = clip(alpha x + beta, 0, 1)  =  relu6(6 alpha x + 6 beta) / 6: the clip is fused then."""
    need_float(x)
    given = attrs(n)
    alpha, beta = 6 * given["alpha"], 6 * given["beta"]
    line = x if np.float32(alpha) == 1 else out.Mul(x, number(x, alpha))
    made: Value = out.Mul(clip(out, out.Add(line, number(x, beta)), x, 0, 6), number(x, 1 / 6))
    return made


@rewrite(op.Elu("x").named("n"), stage="decompose")
def expand_elu_alpha(out: Builder, x: Value, n: Node) -> Value:
    """y = relu(x) + alpha elu(min(x, 0))."""
    need_float(x)
    alpha = attrs(n)["alpha"]
    if alpha == 1:
        raise NoMatch("kernels have alpha = 1")
    low = out.Mul(out.Elu(out.Min(x, number(x, 0))), number(x, alpha))
    made: Value = out.Add(out.Relu(x), low)
    return made


@rewrite(op.Selu("x").named("n"), stage="decompose")
def expand_selu(out: Builder, x: Value, n: Node) -> Value:
    """y = gamma (alpha elu(x) + (1 - alpha) relu(x))."""
    need_float(x)
    alpha, gamma = attrs(n)["alpha"], attrs(n)["gamma"]
    low = out.Mul(out.Elu(x), number(x, alpha * gamma))
    made: Value = out.Add(out.Mul(out.Relu(x), number(x, (1 - alpha) * gamma)), low)
    return made


@rewrite(op.Celu("x").named("n"), stage="decompose")
def expand_celu(out: Builder, x: Value, n: Node) -> Value:
    """y = max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)  =  alpha elu(x / alpha)."""
    need_float(x)
    alpha = attrs(n)["alpha"]
    if alpha == 1:
        return out.Elu(x)
    if alpha <= 0:
        raise NoMatch("a negative alpha has no such form")
    low = out.Elu(out.Mul(out.Min(x, number(x, 0)), number(x, 1 / alpha)))
    made: Value = out.Add(out.Relu(x), out.Mul(low, number(x, alpha)))
    return made


@rewrite(op.ThresholdedRelu("x").named("n"), stage="decompose")
def expand_thresholded_relu(out: Builder, x: Value, n: Node) -> Value:
    """y = x if x > alpha else 0."""
    need_float(x)
    above = out.Greater(x, number(x, attrs(n)["alpha"]))
    made: Value = out.Where(above, x, number(x, 0))
    return made


def softplus_of(out: Builder, x: Value) -> Value:
    """Return log(1 + exp(x)) = relu(x) - log(sigmoid(|x|)), which never overflows."""
    made: Value = out.Sub(out.Relu(x), out.Log(out.Sigmoid(out.Abs(x))))
    return made


@rewrite(op.Softplus("x"), stage="decompose")
def expand_softplus(out: Builder, x: Value) -> Value:
    """y = log(1 + exp(x))  =  relu(x) - log(sigmoid(|x|))."""
    need_float(x)
    return softplus_of(out, x)


@rewrite(op.Softsign("x"), stage="decompose")
def expand_softsign(out: Builder, x: Value) -> Value:
    """y = x / (1 + |x|)."""
    need_float(x)
    made: Value = out.Div(x, out.Add(out.Abs(x), number(x, 1)))
    return made


@rewrite(op.Mish("x"), stage="decompose")
def expand_mish(out: Builder, x: Value) -> Value:
    """y = x tanh(softplus(x))."""
    need_float(x)
    made: Value = out.Mul(x, tanh_softplus_of(out, x))
    return made


@rewrite(op.Tanh(op.Softplus("x")), stage="fuse")
def tanh_of_softplus(out: Builder, x: Value) -> Value:
    """tanh(softplus(x))  ->  u / (2 - u)."""
    need_float(x)
    return tanh_softplus_of(out, x)


def tanh_softplus_of(out: Builder, x: Value) -> Value:
    """Return tanh(softplus(x)) = u / (2 - u), u = s (2 - s), s = sigmoid(x).

    No digits are lost where softplus(x) is small, and nothing leaves the range of float16, where
    the form in exp(x) ends at x = 5.5.
    """
    s = out.Sigmoid(x)
    u = out.Mul(s, out.Sub(number(x, 2), s))
    made: Value = out.Div(u, out.Sub(number(x, 2), u))
    return made


@rewrite(op.Shrink("x").named("n"), stage="decompose")
def expand_shrink(out: Builder, x: Value, n: Node) -> Value:
    """y = x + bias if x < -lambd; x - bias if x > lambd; else 0."""
    need_float(x)
    given = attrs(n)
    zero = number(x, 0)
    up, down = (out.Add(x, number(x, b)) for b in (given["bias"], -given["bias"]))
    if given["bias"] == 0:
        up = down = x
    positive = out.Where(out.Greater(x, number(x, given["lambd"])), down, zero)
    made: Value = out.Where(out.Less(x, number(x, -given["lambd"])), up, positive)
    return made


@rewrite(op.Hardmax("x").named("n"), stage="decompose")
def expand_hardmax(out: Builder, x: Value, n: Node) -> Value:
    """y = one at the first maximum along the axis, zero elsewhere."""
    axis = attrs(n)["axis"] % len(shape_of(x))
    place = out.ArgMax(x, axis=axis, keepdims=0)
    made: Value = out.OneHot(
        place, np.int64(shape_of(x)[axis]), np.array([0, 1], dtype_of(x)), axis=axis
    )
    return made


@rewrite(op["Softmax", "LogSoftmax"]("x").named("n"), stage="decompose")
def expand_softmax_axis(out: Builder, x: Value, n: Node) -> Value:
    """Softmax(x, axis)  ->  the same over the last axis, between two transposes."""
    rank = len(shape_of(x))
    axis = attrs(n)["axis"] % max(rank, 1)
    if axis >= rank - 1:
        raise NoMatch("it is over the last axis")
    perm = [a for a in range(rank) if a != axis] + [axis]
    y = out.node(n.op_type, [out.Transpose(x, perm=perm)], axis=rank - 1)
    made: Value = out.Transpose(y, perm=np.argsort(perm).tolist())
    return made


@rewrite(op.Clip("x", maybe("low"), maybe("high")).named("n"), stage="decompose")
def expand_clip_by_computed_bounds(
    out: Builder, x: Value, low: Value | None, high: Value | None
) -> Value:
    """Clip(x, low, high)  ->  Min(Max(x, low), high) where a bound is computed."""
    bounds = (low, high)
    if all(b is None or constant(b) is not None for b in bounds):
        raise NoMatch("its bounds are constant")
    y = x if low is None else out.Max(x, low)
    made: Value = y if high is None else out.Min(y, high)
    return made
