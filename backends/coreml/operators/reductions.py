"""Reductions over axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mil import Array
from ..operator import Context, Operator, operator


def log_sum_exp(x: Array, axis: Any, keepdims: bool) -> Array:
    """log(sum(exp(x))), after subtraction of the maximum."""
    top = x.max(axis=axis, keepdims=True)
    total = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return np.asarray(total if keepdims else np.squeeze(total, axis=axis))


REDUCTIONS: dict[str, Operator] = {
    "reduce_l1_norm": lambda x, axis, keepdims: np.abs(x).sum(axis=axis, keepdims=keepdims),
    "reduce_l2_norm": lambda x, axis, keepdims: np.sqrt(
        np.square(x).sum(axis=axis, keepdims=keepdims)
    ),
    "reduce_log_sum": lambda x, axis, keepdims: np.log(x.sum(axis=axis, keepdims=keepdims)),
    "reduce_log_sum_exp": log_sum_exp,
    "reduce_max": np.max,
    "reduce_mean": np.mean,
    "reduce_min": np.min,
    "reduce_prod": np.prod,
    "reduce_sum": np.sum,
    "reduce_sum_square": lambda x, axis, keepdims: np.square(x).sum(axis=axis, keepdims=keepdims),
}


def reduction(function: Operator) -> Operator:
    """Return an operator that reduces the given axes; all of them without."""

    def compute(x: Array, axes: Any = None, keep_dims: Any = False) -> Array:
        chosen = tuple(range(x.ndim)) if axes is None else tuple(int(a) for a in axes)
        return np.asarray(function(x, axis=chosen, keepdims=bool(keep_dims)))

    return compute


for _name, _function in REDUCTIONS.items():
    operator(_name)(reduction(_function))


def position(function: Operator) -> Operator:
    """Return an operator that gives the first index of an extreme value."""

    def compute(
        x: Array, axis: Any = -1, keep_dims: Any = False, output_dtype: Any = None
    ) -> Array:
        return np.asarray(function(x, axis=int(axis), keepdims=bool(keep_dims)))

    return compute


operator("reduce_argmax")(position(np.argmax))
operator("reduce_argmin")(position(np.argmin))


@operator("cumsum")
def cumsum(x: Array, axis: Any = 0, exclusive: Any = False, reverse: Any = False) -> Array:
    """Sums of all elements up to each one, without itself if exclusive, from the end if reverse."""
    along = int(axis)
    x = np.flip(x, along) if bool(reverse) else x
    found = np.cumsum(x, axis=along, dtype=x.dtype)
    found = found - x if bool(exclusive) else found
    return np.flip(found, along) if bool(reverse) else found


@operator("argsort")
def argsort(x: Array, axis: Any = -1, ascending: Any = False) -> Array:
    """The indices that sort x; equal elements keep their order."""
    key = x if bool(ascending) else descending(x)
    return np.argsort(key, axis=int(axis), kind="stable")


def descending(x: Array) -> Array:
    """Return keys whose ascending order is x's descending order."""
    return -x if x.dtype.kind == "f" else -x.astype(np.int64)


@operator("topk")
def topk(
    x: Array,
    context: Context,
    k: Any = 1,
    axis: Any = -1,
    ascending: Any = False,
    sort: Any = True,
    return_indices: Any = True,
    output_indices_dtype: Any = None,
) -> Array | tuple[Array, ...]:
    """The k largest elements along an axis (smallest if ascending), sorted, and their indices."""
    along = int(axis)
    count = x.shape[along] if int(k) == -1 else int(k)
    order = np.argsort(x if bool(ascending) else descending(x), axis=along, kind="stable")
    chosen = np.take(order, np.arange(count), axis=along)
    found = np.take_along_axis(x, chosen, axis=along)
    return (found, chosen) if len(context.outputs) > 1 else found
