"""Scales of symmetric weight quantization, one a row. A block is a row too: see `to_blocks`."""

from __future__ import annotations

import numpy as np

from .grids import Array, Grid, require_finite

CANDIDATES = 64
CHUNK = 1 << 16
"""Weights that are searched at once."""
SMALLEST = 0.2
"""The search shrinks the range to this part of the largest weight at most (2 bits want most)."""


def to_blocks(weight: Array, size: int) -> Array:
    """Return (O, K) as (O * K / size, size), so that every block is a row of its own.

    Raises:
        ValueError: if K is no multiple of `size`.
    """
    if size < 1 or weight.shape[1] % size:
        raise ValueError(f"blocks of {size} do not divide rows of {weight.shape[1]}")
    return weight.reshape(-1, size)


def max_scale(rows: Array, grid: Grid) -> Array:
    """Return the smallest scales that clip nothing: (R,) float32 > 0 for rows (R, K).

    A row of zeros gets 1. Raises ValueError for rows that are not finite.
    """
    require_finite(rows, "weight")
    above, below = rows.max(axis=1, initial=0), rows.min(axis=1, initial=0)
    scale = np.maximum(above / grid.high, below / grid.low).astype(np.float32)
    return np.where(scale > 0, scale, np.float32(1))


def mse_scale(
    rows: Array, grid: Grid, importance: Array | None = None, candidates: int = CANDIDATES
) -> Array:
    """Return the scales of least squared rounding error, found by exhaustive search.

    Args:
        rows: (R, K), in the weight's own unit.
        importance: (K,) or (R, K) weights of the squared errors; all 1 by default.
        candidates: scales tried, evenly from `SMALLEST` times the one that clips nothing up to it.
    Returns:
        (R,) float32 > 0, never worse than `max_scale`.
    Raises:
        ValueError: if the rows are not finite.
    Source: exhaustive form of the clipping search in Banner et al., "Post training 4-bit
        quantization of convolutional networks for rapid-deployment", NeurIPS 2019.
    """
    require_finite(rows, "weight")
    step = max(1, CHUNK // max(1, rows.shape[1]))
    found = []
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        weights = importance
        if importance is not None and importance.ndim == 2:
            weights = importance[start : start + step]
        found.append(_best_scale(some, grid, weights, candidates))
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def _best_scale(rows: Array, grid: Grid, importance: Array | None, candidates: int) -> Array:
    """Return the scales of a few rows, which stay in the processor's cache meanwhile."""
    widest = max_scale(rows, grid)
    best, least = widest, rounding_error(rows, widest, grid, importance)
    for part in np.linspace(SMALLEST, 1, candidates, endpoint=False, dtype=np.float32):
        scale = widest * part
        error = rounding_error(rows, scale, grid, importance)
        better = error < least
        best, least = np.where(better, scale, best), np.where(better, error, least)
    return best


def rounding_error(rows: Array, scale: Array, grid: Grid, importance: Array | None = None) -> Array:
    """Return (R,) sums of importance * (row - scale * code)²."""
    error = rows / scale[:, None]
    np.rint(error, out=error)
    np.clip(error, grid.low, grid.high, out=error)
    error *= scale[:, None]
    error -= rows
    error *= error
    return np.asarray((error if importance is None else error * importance).sum(axis=1))


def refit_scale(rows: Array, codes: Array, scale: Array) -> Array:
    """Return the scales of least squares for fixed codes, <row, code> / <code, code>.

    Where that is not positive (all codes 0), `scale` stays.
    """
    top = (rows * codes).sum(axis=1)
    bottom = (codes.astype(np.float32) ** 2).sum(axis=1)
    fitted = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return np.where(fitted > 0, fitted, scale).astype(np.float32)
