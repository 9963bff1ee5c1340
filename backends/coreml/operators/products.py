"""Matrix products and attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mil import Array
from ..operator import operator
from .activations import softmax


def wide(x: Array) -> Array:
    """Return small integers as int32, so that sums do not overflow."""
    return x.astype(np.int32) if x.dtype.kind in "iu" else x


@operator("linear")
def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """x W' + b: x (*, I), weight (O, I), bias (O)."""
    found: Array = np.matmul(wide(x), wide(weight).T)
    return found if bias is None else found + bias


@operator("matmul")
def matmul(x: Array, y: Array, transpose_x: Any = False, transpose_y: Any = False) -> Array:
    """x y on the last two axes, the others broadcast; a vector is a row or a column."""
    left, right = wide(x), wide(y)
    if bool(transpose_x) and x.ndim > 1:
        left = left.swapaxes(-1, -2)
    if bool(transpose_y) and y.ndim > 1:
        right = right.swapaxes(-1, -2)
    return np.asarray(np.matmul(left, right))


@operator("einsum")
def einsum(values: tuple[Array, ...], equation: str) -> Array:
    """The sum of products that the equation says."""
    return np.asarray(np.einsum(equation, *values, optimize=True))


@operator("scaled_dot_product_attention")
def attention(query: Array, key: Array, value: Array, attn_mask: Array | None = None) -> Array:
    """softmax(q k' / sqrt(E) + mask) v; a mask of truth values keeps what is true."""
    scores = np.matmul(query, key.swapaxes(-1, -2)) / np.float32(np.sqrt(query.shape[-1]))
    if attn_mask is not None and attn_mask.dtype.kind == "b":
        scores = np.where(attn_mask, scores, np.float32(-np.inf))
    elif attn_mask is not None:
        scores = scores + attn_mask
    return np.asarray(np.matmul(softmax(scores), value))
