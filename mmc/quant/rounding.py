"""How weights become codes: to the nearest, or by GPTQ with error feedback."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .grids import Array, Grid, require_finite

Snap = Callable[[Array, int], tuple[Array, Array]]
"""Maps a column of weights (O,) and its index to codes and to the values that they stand for."""

CHUNK = 128
"""Columns whose feedback is applied at once: matrix products instead of outer ones."""


def nearest(weight: Array, scale: Array, grid: Grid) -> Array:
    """Return (O, K) int8 codes of the nearest grid points; scale (O,) or (O, K / block)."""
    return grid.codes(weight / spread(scale, weight.shape[1])).astype(np.int8)


def spread(scale: Array, columns: int) -> Array:
    """Return scales (O,) or (O, K / block) as (O, 1) or (O, K)."""
    if scale.ndim == 1:
        return scale[:, None]
    return np.repeat(scale, columns // scale.shape[1], axis=1)


def to_grid(scale: Array, grid: Grid, columns: int) -> Snap:
    """Return the snap to an integer grid with scales (O,) or (O, K / block)."""
    full = np.broadcast_to(spread(scale, columns), (len(scale), columns))

    def snap(column: Array, index: int) -> tuple[Array, Array]:
        codes = grid.codes(column / full[:, index])
        return codes, codes * full[:, index]

    return snap


def to_tables(tables: Array, group: int) -> Snap:
    """Return the snap to sorted tables (O / group, levels), one for `group` rows each."""
    middles = (tables[:, 1:] + tables[:, :-1]) / 2

    def snap(column: Array, index: int) -> tuple[Array, Array]:
        owner = np.arange(len(column)) // group
        codes = (column[:, None] > middles[owner]).sum(axis=1)
        return codes, tables[owner, codes]

    return snap


def gptq(
    weight: Array, hessian: Array, snap: Snap, damping: float = 0.01, act_order: bool = True
) -> Array:
    """Return codes that keep weight @ x for the inputs that made the Hessian, not weight itself.

    Columns are rounded one by one; the error of each is fed into those that are still free, by
    the inverse Hessian.

    Args:
        weight: (O, K).
        hessian: (K, K), the sum of x xᵀ over inputs x (any positive factor).
        snap: what a column may become.
        damping: what is added to the diagonal, as a part of its mean.
        act_order: round the columns with the largest inputs first.
    Returns:
        (O, K) int8.
    Raises:
        ValueError: if shapes do not fit, or something is not finite.
    Source: Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
        Transformers", ICLR 2023; act-order from its reference implementation.
    """
    columns = weight.shape[1]
    if hessian.shape != (columns, columns):
        raise ValueError(f"hessian has shape {hessian.shape}, the weight {weight.shape}")
    require_finite(weight, "weight")
    require_finite(hessian, "hessian")
    diagonal = np.diag(hessian)
    order = np.argsort(-diagonal, kind="stable") if act_order else np.arange(columns)
    feedback = inverse_root(hessian[np.ix_(order, order)], damping)
    codes = np.empty(weight.shape, np.int8)
    left = weight[:, order].astype(np.float32)
    for start in range(0, columns, CHUNK):
        stop = min(start + CHUNK, columns)
        errors = _round_chunk(left, codes, feedback, order, snap, start, stop)
        left[:, stop:] -= errors @ feedback[start:stop, stop:]
    return codes


def _round_chunk(
    left: Array, codes: Array, feedback: Array, order: Array, snap: Snap, start: int, stop: int
) -> Array:
    """Round the columns start..stop of `left` into `codes`; return their scaled errors."""
    errors = np.empty((len(left), stop - start), np.float32)
    for j in range(start, stop):
        found, values = snap(left[:, j], int(order[j]))
        codes[:, order[j]] = found
        errors[:, j - start] = (left[:, j] - values) / feedback[j, j]
        left[:, j + 1 : stop] -= np.outer(errors[:, j - start], feedback[j, j + 1 : stop])
    return errors


def inverse_root(hessian: Array, damping: float) -> Array:
    """Return the upper triangular U with Uᵀ U = (hessian + damping)⁻¹, float32.

    Inputs that were always 0 get a diagonal of 1: they feed nothing into others. The damping
    grows tenfold until the matrix is positive definite.
    """
    h = np.array(hessian, np.float64)
    diagonal = np.einsum("ii->i", h)
    diagonal[diagonal <= 0] = 1
    step = damping * float(diagonal.mean())
    for _ in range(12):
        diagonal += step
        try:
            root = np.linalg.cholesky(h[::-1, ::-1])  # reversed: h = R Rᵀ with R upper, U = R⁻¹
        except np.linalg.LinAlgError:
            step = max(10 * step, 1e-12)
            continue
        return np.asarray(inverse_upper(root[::-1, ::-1]), np.float32)
    raise ValueError("the hessian is not positive semi-definite")


def inverse_upper(matrix: Array) -> Array:
    """Return the inverse of an upper triangular matrix, by halves: most of it matrix products."""
    size = len(matrix)
    if size <= CHUNK:
        return np.asarray(np.linalg.inv(matrix))
    middle = size // 2
    found = np.zeros_like(matrix)
    found[:middle, :middle] = inverse_upper(matrix[:middle, :middle])
    found[middle:, middle:] = inverse_upper(matrix[middle:, middle:])
    between = found[:middle, :middle] @ matrix[:middle, middle:]
    found[:middle, middle:] = -between @ found[middle:, middle:]
    return found
