"""Pools over the spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..mil import Array
from ..operator import operator
from .window import ints, pads, spread, windows


def pooled(
    x: Array, kernel: Any, strides: Any, pad_type: str, pad: Any, ceil_mode: Any, fill: float
) -> tuple[Array, Array]:
    """Return the windows (N, C, *out, *kernel) of x, and of ones in place of x's elements."""
    rank = x.ndim - 2
    extent, step = ints(kernel, rank), ints(strides, rank)
    around = pads(pad_type, pad, x.shape[2:], extent, step)
    if bool(ceil_mode):
        around = [grown(*a) for a in zip(x.shape[2:], extent, step, around, strict=True)]
    ones = np.ones((1, 1, *x.shape[2:]), np.float32)
    gaps = (1,) * rank
    whole = windows(spread(x, around, fill), extent, step, gaps)
    return whole, windows(spread(ones, around), extent, step, gaps)


def grown(size: int, kernel: int, stride: int, pad: Sequence[int]) -> tuple[int, int]:
    """Return the padding with which a last, partial window counts, if it starts in the input."""
    before, after = pad
    room = size + before + after - kernel
    count = -(-room // stride) + 1
    if (count - 1) * stride >= size + before:
        count -= 1
    return before, after + max((count - 1) * stride - room, 0)


def over_kernel(view: Array) -> tuple[int, ...]:
    """Return the axes of a window."""
    rank = (view.ndim - 2) // 2
    return tuple(range(view.ndim - rank, view.ndim))


@operator("max_pool")
def max_pool(
    x: Array,
    kernel_sizes: Any,
    pad_type: str,
    strides: Any = None,
    pad: Any = None,
    ceil_mode: Any = False,
) -> Array:
    """The largest element of each window; padding does not count."""
    view, _ = pooled(x, kernel_sizes, strides, pad_type, pad, ceil_mode, -np.inf)
    found: Array = view.max(axis=over_kernel(view))
    return found


@operator("avg_pool")
def avg_pool(
    x: Array,
    kernel_sizes: Any,
    pad_type: str,
    strides: Any = None,
    pad: Any = None,
    exclude_padding_from_average: Any = False,
    ceil_mode: Any = False,
) -> Array:
    """The mean of each window; padding counts as zeros, or not at all."""
    view, ones = pooled(x, kernel_sizes, strides, pad_type, pad, ceil_mode, 0)
    axes = over_kernel(view)
    total: Array = view.sum(axis=axes)
    if bool(exclude_padding_from_average):
        return np.asarray(total / ones.sum(axis=axes))
    return total / np.float32(np.prod(ints(kernel_sizes, x.ndim - 2)))


@operator("l2_pool")
def l2_pool(
    x: Array,
    kernel_sizes: Any,
    pad_type: str,
    strides: Any = None,
    pad: Any = None,
    ceil_mode: Any = False,
) -> Array:
    """The root of the sum of squares of each window."""
    view, _ = pooled(np.square(x), kernel_sizes, strides, pad_type, pad, ceil_mode, 0)
    found: Array = np.sqrt(view.sum(axis=over_kernel(view)))
    return found
