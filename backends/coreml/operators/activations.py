"""Activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mil import Array
from ..operator import UnsupportedError, operator
from .elementwise import erf


def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x)), written so that nothing overflows."""
    return 0.5 * (np.tanh(0.5 * x) + 1)


def softplus_of(x: Array) -> Array:
    """log(1 + exp(x)), written so that nothing overflows."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def along_channels(alpha: Array, x: Array) -> Array:
    """Return values of channels (axis 1) so that they broadcast against x."""
    return alpha.reshape(1, -1, *[1] * (x.ndim - 2)) if alpha.ndim and x.ndim > 1 else alpha


@operator("relu")
def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0)


@operator("relu6")
def relu6(x: Array) -> Array:
    """min(max(x, 0), 6)."""
    return np.clip(x, 0, 6)


@operator("clamped_relu")
def clamped_relu(x: Array, alpha: Any, beta: Any) -> Array:
    """min(x if x >= 0 else alpha x, beta)."""
    return np.asarray(np.minimum(np.where(x >= 0, x, alpha * x), beta))


@operator("elu")
def elu(x: Array, alpha: Any) -> Array:
    """x if x > 0 else alpha (exp(x) - 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@operator("gelu")
def gelu(x: Array, mode: str = "EXACT") -> Array:
    """x Phi(x), by the error function, tanh or the logistic function."""
    if mode == "EXACT":
        return np.asarray(0.5 * x * (1 + erf(x / np.float32(np.sqrt(2)))))
    if mode == "TANH_APPROXIMATION":
        inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x**3)
        return np.asarray(0.5 * x * (1 + np.tanh(inner)))
    if mode == "SIGMOID_APPROXIMATION":
        return x * logistic(np.float32(1.702) * x)
    raise UnsupportedError(f"gelu mode {mode!r}")


@operator("leaky_relu")
def leaky_relu(x: Array, alpha: Any) -> Array:
    """x if x >= 0 else alpha x."""
    return np.where(x >= 0, x, alpha * x)


@operator("linear_activation")
def linear_activation(x: Array, alpha: Any, beta: Any) -> Array:
    """alpha x + beta."""
    return np.asarray(alpha * x + beta)


@operator("prelu")
def prelu(x: Array, alpha: Array) -> Array:
    """x if x > 0 else alpha x, with an alpha a channel."""
    return np.where(x > 0, x, along_channels(alpha, x) * x)


@operator("scaled_tanh")
def scaled_tanh(x: Array, alpha: Any, beta: Any) -> Array:
    """alpha tanh(beta x)."""
    return np.asarray(alpha * np.tanh(beta * x))


@operator("sigmoid")
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return logistic(x)


@operator("sigmoid_hard")
def sigmoid_hard(x: Array, alpha: Any, beta: Any) -> Array:
    """min(max(alpha x + beta, 0), 1)."""
    return np.asarray(np.clip(alpha * x + beta, 0, 1))


@operator("silu")
def silu(x: Array) -> Array:
    """x sigmoid(x)."""
    return x * logistic(x)


@operator("softplus")
def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return softplus_of(x)


@operator("softplus_parametric")
def softplus_parametric(x: Array, alpha: Array, beta: Array) -> Array:
    """alpha log(1 + exp(beta x)), with alpha and beta a channel."""
    return along_channels(alpha, x) * softplus_of(along_channels(beta, x) * x)


@operator("softsign")
def softsign(x: Array) -> Array:
    """x / (1 + |x|)."""
    return np.asarray(x / (1 + np.abs(x)))


@operator("tanh")
def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return np.tanh(x)


@operator("thresholded_relu")
def thresholded_relu(x: Array, alpha: Any) -> Array:
    """x if x >= alpha else 0."""
    return np.where(x >= alpha, x, 0)


@operator("softmax")
def softmax(x: Array, axis: Any = -1) -> Array:
    """exp(x) / sum(exp(x)) along one axis, after subtraction of the maximum."""
    e = np.exp(x - x.max(axis=int(axis), keepdims=True))
    return np.asarray(e / e.sum(axis=int(axis), keepdims=True))
