"""Normalizations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mil import Array
from ..operator import operator
from .activations import along_channels


def scaled(x: Array, gamma: Array | None, beta: Array | None) -> Array:
    """Return gamma x + beta, a value a channel."""
    if gamma is not None:
        x = x * along_channels(gamma, x)
    return x if beta is None else x + along_channels(beta, x)


@operator("batch_norm")
def batch_norm(
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Any = 1e-5,
) -> Array:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, all a channel."""
    factor = 1 / np.sqrt(variance + np.float32(epsilon))
    return scaled((x - along_channels(mean, x)) * along_channels(factor, x), gamma, beta)


@operator("instance_norm")
def instance_norm(
    x: Array, gamma: Array | None = None, beta: Array | None = None, epsilon: Any = 1e-5
) -> Array:
    """(x - mean) / sqrt(variance + epsilon) over the spatial axes, then gamma and beta."""
    return scaled(normal(x, tuple(range(2, x.ndim)), epsilon), gamma, beta)


@operator("layer_norm")
def layer_norm(
    x: Array,
    axes: Any = None,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Any = 1e-5,
) -> Array:
    """(x - mean) / sqrt(variance + epsilon) over the axes, then gamma and beta on them."""
    chosen = range(x.ndim) if axes is None else sorted(int(a) % x.ndim for a in axes)
    found = normal(x, tuple(chosen), epsilon)
    shape = [x.shape[a] if a in chosen else 1 for a in range(x.ndim)]
    if gamma is not None:
        found = found * gamma.reshape(shape)
    return found if beta is None else found + beta.reshape(shape)


def normal(x: Array, axes: tuple[int, ...], epsilon: Any) -> Array:
    """Return x with mean 0 and variance 1 over the axes."""
    centred = x - x.mean(axis=axes, keepdims=True)
    variance = np.square(centred).mean(axis=axes, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + np.float32(epsilon)))


@operator("l2_norm")
def l2_norm(x: Array, epsilon: Any = 1e-6) -> Array:
    """x / sqrt(sum(x^2) + epsilon) over the last three axes."""
    axes = tuple(range(max(x.ndim - 3, 0), x.ndim))
    total = np.square(x).sum(axis=axes, keepdims=True)
    return np.asarray(x / np.sqrt(total + np.float32(epsilon)))


@operator("local_response_norm")
def local_response_norm(
    x: Array, size: Any, alpha: Any = 1e-4, beta: Any = 0.75, k: Any = 1.0
) -> Array:
    """x / (k + alpha / size * sum of squares of the `size` channels around)^beta."""
    count = int(size)
    before = (count - 1) // 2
    around = [(0, 0), (before, count - 1 - before), *[(0, 0)] * (x.ndim - 2)]
    squares = np.pad(np.square(x), around)
    near = np.lib.stride_tricks.sliding_window_view(squares, count, axis=1).sum(axis=-1)
    return np.asarray(x / (k + np.float32(alpha) / count * near) ** beta)
