"""How weights become codes: to the nearest, or by GPTQ with error feedback."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .grids import Array, Grid, in_parts, require_finite

Snap = Callable[[Array, Array], tuple[Array, Array]]
"""Maps one weight of every row (O,), and their places (O,), to codes and what they stand for."""

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
    rows = np.arange(len(scale))

    def snap(column: Array, places: Array) -> tuple[Array, Array]:
        steps = full[rows, places]
        codes = grid.codes(column / steps)
        return codes, codes * steps

    return snap


def to_tables(tables: Array, group: int) -> Snap:
    """Return the snap to sorted tables (O / group, levels), one for `group` rows each."""
    middles = (tables[:, 1:] + tables[:, :-1]) / 2

    def snap(column: Array, places: Array) -> tuple[Array, Array]:
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
        hessian: (K, K), the sum of x xᵀ over inputs x (any positive factor); (G, K, K) where
            every O / G rows have inputs of their own.
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
    rows, columns = weight.shape
    h = hessian.reshape(-1, *hessian.shape[-2:])
    if h.shape[1:] != (columns, columns) or rows % len(h):
        raise ValueError(f"hessian has shape {hessian.shape}, the weight {weight.shape}")
    require_finite(weight, "weight")
    require_finite(hessian, "hessian")
    order = np.broadcast_to(np.arange(columns), h.shape[:2])
    if act_order:
        order = np.argsort(-np.einsum("gii->gi", h), axis=1, kind="stable")
    groups = np.arange(len(h))[:, None, None]
    feedback = inverse_root(h[groups, order[:, :, None], order[:, None, :]], damping)
    parted = weight.reshape(len(h), -1, columns)
    left = np.take_along_axis(parted, order[:, None], 2).astype(np.float32, copy=False)
    made = np.empty(parted.shape, np.int8)
    for start in range(0, columns, CHUNK):
        stop = min(start + CHUNK, columns)
        errors = _round_chunk(left, made, feedback, order, snap, start, stop)
        for some in in_parts(parted.shape[1], len(h) * columns):
            left[:, some, stop:] -= errors[:, some] @ feedback[:, start:stop, stop:]
    codes = np.empty_like(made)
    np.put_along_axis(codes, order[:, None], made, 2)
    return codes.reshape(weight.shape)


def _round_chunk(
    left: Array, made: Array, feedback: Array, order: Array, snap: Snap, start: int, stop: int
) -> Array:
    """Round the columns start..stop of `left` into `made`; return their scaled errors."""
    errors = np.empty((*left.shape[:2], stop - start), np.float32)
    for j in range(start, stop):
        column = left[:, :, j]
        found, values = snap(column.reshape(-1), np.repeat(order[:, j], column.shape[1]))
        made[:, :, j] = found.reshape(column.shape)
        error = (column - values.reshape(column.shape)) / feedback[:, j, j, None]
        errors[:, :, j - start] = error
        left[:, :, j + 1 : stop] -= error[:, :, None] * feedback[:, None, j, j + 1 : stop]
    return errors


def inverse_root(hessian: Array, damping: float) -> Array:
    """Return the upper triangular U with Uᵀ U = (hessian + damping)⁻¹, float32, of (..., K, K).

    Inputs that were always 0 get a diagonal of 1: they feed nothing into others. The damping
    grows tenfold until the matrices are positive definite.
    """
    h = np.array(hessian, np.float64)
    diagonal = np.einsum("...ii->...i", h)
    diagonal[diagonal <= 0] = 1
    step = damping * diagonal.mean(axis=-1, keepdims=True)
    for _ in range(12):
        diagonal += step
        try:
            root = np.linalg.cholesky(h[..., ::-1, ::-1])  # h = R Rᵀ with R upper: U = R⁻¹
        except np.linalg.LinAlgError:
            step = np.maximum(10 * step, 1e-12)
            continue
        return np.asarray(inverse_upper(root[..., ::-1, ::-1]), np.float32)
    raise ValueError("the hessian is not positive semi-definite")


def inverse_upper(matrix: Array) -> Array:
    """Return the inverse of upper triangular matrices, by halves: most of it matrix products."""
    size = matrix.shape[-1]
    if size <= CHUNK:
        return np.asarray(np.linalg.inv(matrix))
    middle = size // 2
    found = np.zeros_like(matrix)
    found[..., :middle, :middle] = inverse_upper(matrix[..., :middle, :middle])
    found[..., middle:, middle:] = inverse_upper(matrix[..., middle:, middle:])
    between = found[..., :middle, :middle] @ matrix[..., :middle, middle:]
    found[..., :middle, middle:] = -between @ found[..., middle:, middle:]
    return found
