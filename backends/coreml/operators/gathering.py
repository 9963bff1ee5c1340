"""Gathers and scatters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..mil import Array
from ..operator import UnsupportedError, operator


def checked(indices: Array, size: int) -> Array:
    """Return indices in [0, size); negative ones count from the end."""
    found = indices.astype(np.int64)
    found = np.where(found < 0, found + size, found)
    if found.size and (found.min() < 0 or found.max() >= size):
        raise UnsupportedError(f"index outside of {size} elements")
    return found


@operator("gather")
def gather(
    x: Array, indices: Array, axis: Any = 0, batch_dims: Any = 0, validate_indices: Any = False
) -> Array:
    """x's slices along an axis at the indices; the first batch_dims axes go together."""
    along, batch = int(axis) % x.ndim, int(batch_dims)
    where = checked(np.asarray(indices), x.shape[along])
    if not batch:
        return np.asarray(np.take(x, where, along))
    lead = x.shape[:batch]
    flat, places = x.reshape(-1, *x.shape[batch:]), where.reshape(-1, *where.shape[batch:])
    parts = [np.take(a, i, along - batch) for a, i in zip(flat, places, strict=True)]
    found = np.stack(parts)
    return found.reshape(*lead, *found.shape[1:])


@operator("gather_along_axis")
def gather_along_axis(
    x: Array, indices: Array, axis: Any = 0, validate_indices: Any = False
) -> Array:
    """x[..., indices[..., i, ...], ...] along an axis."""
    return np.take_along_axis(x, checked(indices, x.shape[int(axis)]), int(axis))


@operator("gather_nd")
def gather_nd(
    x: Array, indices: Array, batch_dims: Any = 0, validate_indices: Any = False
) -> Array:
    """x at the indices in the last axis; the first batch_dims axes go together."""
    batch = int(batch_dims)
    places = tuple(checked(indices[..., i], x.shape[batch + i]) for i in range(indices.shape[-1]))
    lead = np.ogrid[tuple(slice(n) for n in x.shape[:batch])] if batch else []
    more = indices.ndim - 1 - batch
    own = tuple(axis.reshape(*axis.shape, *[1] * more) for axis in lead)
    return np.asarray(x[own + places])


UPDATES: dict[str, Callable[[Array, Any, Array], None]] = {
    "add": np.add.at,
    "sub": np.subtract.at,
    "mul": np.multiply.at,
    "div": np.divide.at,
    "max": np.maximum.at,
    "min": np.minimum.at,
}


def changed(data: Array, where: Any, updates: Array, mode: str) -> Array:
    """Return data with updates put or worked in, one after the other."""
    found = data.copy()
    if mode == "update":
        found[where] = updates
    elif mode in UPDATES:
        UPDATES[mode](found, where, updates)
    else:
        raise UnsupportedError(f"scatter mode {mode!r}")
    return found


@operator("scatter")
def scatter(
    data: Array,
    indices: Array,
    updates: Array,
    axis: Any = 0,
    mode: str = "add",
    validate_indices: Any = False,
) -> Array:
    """Slices of data along an axis at the indices, changed by updates."""
    along = int(axis) % data.ndim
    where = (*[slice(None)] * along, checked(indices, data.shape[along]))
    return changed(data, where, updates, mode)


@operator("scatter_along_axis")
def scatter_along_axis(
    data: Array,
    indices: Array,
    updates: Array,
    axis: Any = 0,
    mode: str = "add",
    validate_indices: Any = False,
) -> Array:
    """data[..., indices[..., i, ...], ...] changed by updates."""
    along = int(axis) % data.ndim
    where = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    where[along] = checked(indices, data.shape[along])
    return changed(data, tuple(where), updates, mode)


@operator("scatter_nd")
def scatter_nd(
    data: Array, indices: Array, updates: Array, mode: str = "add", validate_indices: Any = False
) -> Array:
    """data at the indices in the last axis, changed by updates."""
    where = tuple(checked(indices[..., i], data.shape[i]) for i in range(indices.shape[-1]))
    return changed(data, where, updates, mode)
