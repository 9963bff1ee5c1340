"""The integers behind weights that were quantized once, and are floats now."""

from __future__ import annotations

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
LEAST_COLUMNS = 8
"""Rows of fewer numbers lie on some grid by chance."""


@dataclass(frozen=True)
class Recovered:
    """(codes - zero) scale: codes (O, K) integers, scale and zero (O,)."""

    codes: Array
    scale: Array
    zero: Array


def recover(rows: Array) -> Recovered | None:
    """Return the integers that rows (O, K) are multiples of, a step a row; None if there are none.

    Factors that were folded into a row since it was quantized change its step only. Zeros are 0
    where all codes of the tensor fit -128..127, else codes are 0..255.
    """
    if rows.ndim != 2 or rows.shape[1] < LEAST_COLUMNS or not np.isfinite(rows).all():
        return None
    exact = rows.astype(np.float64)
    steps = find_steps(exact)
    if steps is None:
        return None
    codes = np.rint(exact / steps[:, None])
    steps = refined(exact, codes, steps)
    peak = np.abs(exact).max(axis=1, keepdims=True)
    if (np.abs(codes * steps[:, None] - exact) > ROUNDING * peak).any():
        return None
    least, most = codes.min(axis=1), codes.max(axis=1)
    zero = np.zeros(len(rows))
    if least.min() < -128 or most.max() > 127:
        zero = -np.minimum(least, 0)
    if (most + zero).max() > LARGEST:
        return None
    return Recovered(
        (codes + zero[:, None]).astype(np.int16), steps.astype(np.float32), zero.astype(np.int16)
    )


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
