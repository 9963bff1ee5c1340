"""Tensors made from sizes, places or nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mil import Array
from ..operator import operator
from .movement import listed


@operator("fill")
def fill(shape: Any, value: Any = 0.0) -> Array:
    """A tensor of one value."""
    return np.full(listed(shape), value)


@operator("fill_like")
def fill_like(ref_tensor: Array, value: Any = 0.0) -> Array:
    """A tensor of one value in the shape of another."""
    return np.full(ref_tensor.shape, value)


@operator("range_1d")
def range_1d(end: Any, start: Any, step: Any) -> Array:
    """start, start + step, ... below end."""
    return np.arange(np.asarray(start).item(), np.asarray(end).item(), np.asarray(step).item())


@operator("shape")
def shape(x: Array) -> Array:
    """The sizes of x."""
    return np.array(x.shape, np.int32)


@operator("band_part")
def band_part(x: Array, lower: Any = -1, upper: Any = -1) -> Array:
    """x where its last two indices are at most `lower` below, `upper` above the diagonal."""
    rows, columns = np.ogrid[: x.shape[-2], : x.shape[-1]]
    keep = np.ones(x.shape[-2:], np.bool_)
    if int(lower) >= 0:
        keep &= rows - columns <= int(lower)
    if int(upper) >= 0:
        keep &= columns - rows <= int(upper)
    return np.where(keep, x, np.zeros((), x.dtype))


@operator("one_hot")
def one_hot(
    indices: Array, one_hot_vector_size: Any, axis: Any = -1, on_value: Any = 1, off_value: Any = 0
) -> Array:
    """on_value at the index along a new axis, else off_value; other indices are nowhere."""
    places = np.arange(int(one_hot_vector_size))
    found = np.where(indices[..., None] == places, on_value, off_value)
    return np.moveaxis(found, -1, int(axis))


@operator("non_zero")
def non_zero(x: Array) -> Array:
    """The indices of elements that are not zero, one a row, in order."""
    return np.argwhere(x)


@operator("classify")
def classify(probabilities: Array, classes: Any) -> tuple[Any, ...]:
    """The likeliest class, and a table of all (here: the probabilities, in order of classes)."""
    flat = probabilities.reshape(-1)
    return np.asarray(classes)[int(flat.argmax())], flat
