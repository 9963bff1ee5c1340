"""The integers behind weights that were quantized once, and are floats now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .grids import Array

LARGEST = 255
"""Codes lie within a span of this many steps: 8 bits, with or without a zero point."""
DIVISORS = 16
"""The smallest gap between two weights of a row is at most so many steps."""
NEAR = 1e-2
"""How far from an integer a weight in steps may be before the step is refined."""
ROUNDING = 2.0**-21
"""Relative error that scales and factors folded into weights have left: a few float32 roundings."""
PIECE = 1 << 18
"""Numbers looked at together: a few copies of them in float64 fit the cache."""
LEAST_COLUMNS = 8
"""Rows of fewer numbers lie on some grid by chance."""


@dataclass(frozen=True)
class Recovered:
    """(codes - zero) scale: codes (O, K) integers, scale and zero (O,)."""

    codes: Array
    scale: Array
    zero: Array


def recover(rows: Array, seen: Callable[[], None] = lambda: None) -> Recovered | None:
    """Return the integers that rows (O, K) are multiples of, a step a row; None if there are none.

    Factors that were folded into a row since it was quantized change its step only. Zeros are 0
    where all codes of the tensor fit -128..127, else codes are 0..255.

    Args:
        seen: called after each piece of the rows, which need not stay in memory then.
    """
    if rows.ndim != 2 or rows.shape[1] < LEAST_COLUMNS:
        return None
    codes = np.empty(rows.shape, np.int16)
    scale = np.empty(len(rows), np.float32)
    together = max(1, PIECE // rows.shape[1])
    for start in range(0, len(rows), together):
        part = slice(start, start + together)
        found = on_grid(rows[part].astype(np.float64))
        seen()
        if found is None:
            return None
        codes[part], scale[part] = found
    least, most = codes.min(axis=1), codes.max(axis=1)
    zero = np.zeros(len(rows), np.int16)
    if least.min() < -128 or most.max() > 127:
        zero = -np.minimum(least, 0)
    if (most + zero).max() > LARGEST:
        return None
    codes += zero[:, None]
    return Recovered(codes, scale, zero)


def on_grid(rows: Array) -> tuple[Array, Array] | None:
    """Return codes (O, K) and steps (O,) whose products rows are but for ROUNDING, or None."""
    steps = find_steps(rows) if np.isfinite(rows).all() else None
    if steps is None:
        return None
    codes = np.rint(rows / steps[:, None])
    steps = refined(rows, codes, steps)
    peak = np.abs(rows).max(axis=1, keepdims=True)
    if (np.abs(codes * steps[:, None] - rows) > ROUNDING * peak).any():
        return None
    return codes, steps


def find_steps(rows: Array) -> Array | None:
    """Return a step a row (1 for zeros) of which all its numbers are multiples, or None."""
    ordered = np.sort(np.concatenate([np.abs(rows), np.zeros((len(rows), 1))], axis=1), axis=1)
    peak = ordered[:, -1:]
    gaps = np.diff(ordered, axis=1)
    gaps = np.where(gaps > peak / (4 * LARGEST * DIVISORS), gaps, np.inf).min(axis=1)
    steps = np.where(np.isfinite(gaps), gaps, 1.0)
    open_ = peak[:, 0] > 0
    for divisor in range(1, DIVISORS + 1):
        tried = gaps[open_] / divisor
        inside = rows[open_] / tried[:, None]
        codes = np.rint(inside)
        tried = refined(rows[open_], codes, tried)
        fits = np.abs(rows[open_] / tried[:, None] - codes).max(axis=1) < NEAR
        fits &= np.abs(codes).max(axis=1) <= LARGEST
        where = np.flatnonzero(open_)[fits]
        steps[where] = tried[fits]
        open_[where] = False
        if not open_.any():
            return steps
    return None


def refined(rows: Array, codes: Array, steps: Array) -> Array:
    """Return the steps of least squares for the codes; old ones where all codes are 0."""
    squares = np.square(codes).sum(axis=1)
    return np.where(squares > 0, (rows * codes).sum(axis=1) / np.maximum(squares, 1), steps)
