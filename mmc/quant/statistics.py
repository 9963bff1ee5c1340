"""What is remembered of activations while samples stream by: bounded memory, one pass."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .grids import Array

BINS = 2048
NARROWEST = 1e-3
"""Width of the first range, relative to the values: so many bins need as many distinct floats."""
TINY = 1e-30
PENDING = 1 << 20
"""Numbers of a Hessian's inputs that are summed up at once: 4 MB."""


@dataclass
class Hessian:
    """The sum of x xᵀ over rows x of K inputs, and how many there were.

    Rows are gathered until they are PENDING numbers: one product of many is faster than many of
    few, each of which would read and write the whole sum.
    """

    summed: Array
    count: int = 0
    pending: list[Array] = field(default_factory=list)

    @classmethod
    def of_width(cls, width: int) -> Hessian:
        """Return the empty sum."""
        return cls(np.zeros((width, width), np.float32))

    def add(self, rows: Array) -> None:
        """Add (N, K) inputs."""
        self.pending.append(rows.astype(np.float32))
        self.count += len(rows)
        if sum(some.size for some in self.pending) >= PENDING:
            self._sum_up()

    def _sum_up(self) -> None:
        rows = np.concatenate(self.pending)
        self.summed += rows.T @ rows
        self.pending.clear()

    @property
    def total(self) -> Array:
        """(K, K)."""
        if self.pending:
            self._sum_up()
        return self.summed


@dataclass
class Histogram:
    """Counts of values between low and high in equal bins; the range doubles as it must.

    Doubling merges neighbours, so the counts are those that a single look at all values gives.
    `least_top` is the smallest largest value of a row: what counts of a softmax's operand.
    """

    low: float = 0.0
    high: float = 0.0
    least: float = np.inf
    most: float = -np.inf
    least_top: float = np.inf
    counts: Array = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, values: Array, *, counted: bool = True) -> None:
        """Count values, or only widen the range; those that are not finite are left out."""
        flat = values.reshape(-1)
        flat = flat if np.isfinite(flat).all() else flat[np.isfinite(flat)]
        if not flat.size:
            return
        least, most = float(flat.min()), float(flat.max())
        self.least, self.most = min(self.least, least), max(self.most, most)
        tops = values.max(axis=-1) if values.ndim else values
        self.least_top = min(self.least_top, float(tops.min()))
        if counted:
            self._count(flat, least, most)

    def _count(self, flat: Array, least: float, most: float) -> None:
        if self.high == self.low:
            self.low, self.high = least, max(most, least + NARROWEST * max(abs(least), TINY))
        while most > self.high:
            self._double(up=True)
        while least < self.low:
            self._double(up=False)
        self.counts += np.histogram(flat, BINS, (self.low, self.high))[0]

    def _double(self, *, up: bool) -> None:
        span, merged = self.high - self.low, self.counts.reshape(-1, 2).sum(axis=1)
        rest = np.zeros_like(merged)
        if up:
            self.high, self.counts = self.high + span, np.concatenate([merged, rest])
        else:
            self.low, self.counts = self.low - span, np.concatenate([rest, merged])

    @property
    def centres(self) -> Array:
        """The middle of every bin."""
        edges = np.linspace(self.low, self.high, BINS + 1)
        return (edges[1:] + edges[:-1]) / 2
