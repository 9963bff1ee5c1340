"""The integers that a quantized weight may have, and what they take in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Grid:
    """The codes low..high of `bits` bits; a weight is scale * code, zero is always code 0."""

    bits: int
    low: int
    high: int

    def codes(self, values: Array) -> Array:
        """Return the nearest code of each value, given in units of the scale; ties go to even."""
        steps = np.asarray(np.rint(values))
        return np.clip(steps, self.low, self.high, out=steps)


GRIDS = {8: Grid(8, -127, 127), 4: Grid(4, -7, 7), 2: Grid(2, -2, 1)}
"""Symmetric grids by bits. Kernels mistake int4's -8, so it stops at -7; int2 needs all four."""


def grid_of(bits: int) -> Grid:
    """Return the grid; ValueError unless bits is 2, 4 or 8."""
    if bits not in GRIDS:
        raise ValueError(f"bits must be 2, 4 or 8, got {bits}")
    return GRIDS[bits]


def stored_bytes(count: int, bits: int, scales: int) -> int:
    """Return the bytes of `count` packed codes and of their float32 scales."""
    return (count * bits + 7) // 8 + 4 * scales


PART = 1 << 20
"""Numbers of a weight that are computed with at once, where each step has a copy of them: 4 MB."""


def in_parts(rows: int, width: int) -> Iterator[slice]:
    """Yield the rows of a matrix, some at a time."""
    step = max(1, PART // max(width, 1))
    yield from (slice(start, start + step) for start in range(0, rows, step))


def require_finite(array: Array, what: str) -> None:
    """Raise ValueError when an entry is NaN or infinite."""
    if not np.isfinite(array).all():
        raise ValueError(f"{what} has NaN or infinite entries")
