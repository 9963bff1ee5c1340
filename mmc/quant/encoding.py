"""Codes of a weight, the scale that goes with them, and what its layer's bias makes up for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grids import Array, Grid, in_parts
from .metrics import output_error
from .rounding import gptq, nearest, spread, to_grid
from .scales import CANDIDATES, max_scale, mse_scale, to_blocks
from .statistics import deviations, mean, squares
from .tables import tabulate


@dataclass(frozen=True)
class Encoded:
    """codes (O, K); scale (O,), (O, K / block), or tables (G, levels).

    values: (O, K), what the codes stand for.
    error: the relative squared error of the layer's output; of the weight where no inputs are
        known.
    """

    codes: Array
    scale: Array
    values: Array
    error: float

    def shift(self, rows: Array, moments: Array) -> Array:
        """Return (O,) what the bias must grow by, so that the output's mean stays: E[(W - Q) x].

        Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
            Correction", ICCV 2019, equation 17; the mean input is measured here.
        """
        average = mean(moments).reshape(-1, 1, rows.shape[1])
        parts = (len(average), -1, rows.shape[1])
        right, made = rows.reshape(parts), self.values.reshape(parts)
        lost = [
            ((right[:, some] - made[:, some]) * average).sum(axis=-1)
            for some in in_parts(right.shape[1], right[:, :1].size)
        ]
        return np.concatenate(lost, axis=1).reshape(-1).astype(np.float32, copy=False)


def encode(
    rows: Array, grid: Grid, block: int = 0, moments: Array | None = None, *, shifts: bool = False
) -> Encoded:
    """Return integers for rows (O, K): the exact range at 8 bits, that of least error below.

    Args:
        block: inputs that share a scale; 0: all of a row.
        moments: of the inputs (`Moments`): codes are chosen by GPTQ then, and scales fitted to
            the outputs once the codes are known.
        shifts: whether a bias takes up the error of the mean, so that deviations alone count.
    """
    hessian = hessian_of(moments, shifts=shifts)
    scale = first_scale(rows, grid, block, hessian)
    if hessian is None:
        codes = nearest(rows, scale, grid)
        values = codes * spread(scale, rows.shape[1])
        return Encoded(codes, scale, values, plain(rows, values))
    codes = gptq(rows, hessian, to_grid(scale, grid, rows.shape[1]))
    gain, error = aligned(rows, codes * spread(scale, rows.shape[1]), hessian)
    scale = (scale * (gain if scale.ndim == 1 else gain[:, None])).astype(np.float32)
    return Encoded(codes, scale, codes * spread(scale, rows.shape[1]), error)


def encode_in_tables(
    rows: Array, levels: int, group: int, moments: Array | None = None, *, shifts: bool = False
) -> Encoded:
    """Return places in tables that `group` rows share, as `encode` returns integers."""
    hessian = hessian_of(moments, shifts=shifts)
    codes, tables = tabulate(rows, levels, group, hessian)
    values = tables[np.arange(len(rows))[:, None] // group, codes]
    error = plain(rows, values) if hessian is None else output_error(rows, values, hessian)
    return Encoded(codes, tables, values, error)


def hessian_of(moments: Array | None, *, shifts: bool) -> Array | None:
    """Return what the squared error of an output depends on; None without inputs."""
    if moments is None:
        return None
    return deviations(moments) if shifts else squares(moments)


def first_scale(rows: Array, grid: Grid, block: int, hessian: Array | None) -> Array:
    """Return the scales that codes are chosen with: (O,) or (O, K / block)."""
    if grid.bits == 8:  # clipping costs more than it gains
        return max_scale(rows, grid)
    importance = None
    if hessian is not None:
        importance = np.einsum("...ii->...i", hessian)
        if importance.ndim == 2:
            importance = np.repeat(importance, len(rows) // len(importance), axis=0)
    tried = CANDIDATES if hessian is None else CANDIDATES // 2  # they are fitted again at the end
    if not block:
        return mse_scale(rows, grid, importance, tried)
    if importance is not None:
        importance = np.broadcast_to(importance, rows.shape).reshape(-1, block)
    return mse_scale(to_blocks(rows, block), grid, importance, tried).reshape(len(rows), -1)


def aligned(rows: Array, values: Array, hessian: Array) -> tuple[Array, float]:
    """Return (O,) gains of least squares from quantized outputs to the right ones; 1 for none.

    A gain that is not positive is none: codes stand in the order of their numbers. The second
    result is the relative squared error that is left, as `output_error` has it.
    """
    parts = (hessian.size // hessian.shape[-1] ** 2, -1, rows.shape[1])
    rows, values = rows.reshape(parts), values.reshape(parts)
    gains, left, total = [], 0.0, 0.0
    for some in in_parts(rows.shape[1], rows[:, :1].size):
        right, made = rows[:, some] @ hessian, values[:, some] @ hessian
        top, bottom = (
            (made * other[:, some]).sum(axis=-1, dtype=np.float64) for other in (rows, values)
        )
        gain = np.divide(top, bottom, out=np.ones_like(top), where=bottom > 0)
        gain = np.where(gain > 0, gain, 1.0)[..., None]
        left += float(((rows[:, some] - gain * values[:, some]) * (right - gain * made)).sum())
        total += float((right * rows[:, some]).sum(dtype=np.float64))
        gains.append(gain)
    return np.concatenate(gains, axis=1).reshape(-1), max(left, 0.0) / total if total > 0 else 0.0


def plain(rows: Array, made: Array) -> float:
    """Return the relative squared error of the weight itself."""
    total = left = 0.0
    for some in in_parts(*rows.shape):
        total += float((rows[some].astype(np.float64) ** 2).sum())
        left += float(((rows[some] - made[some]).astype(np.float64) ** 2).sum())
    return left / total if total else 0.0
