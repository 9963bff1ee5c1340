"""What is remembered of activations while samples stream by: bounded memory, one pass."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .grids import Array

BINS = 2048
NARROWEST = 1e-3
"""Width of the first range, relative to the values: so many bins need as many distinct floats."""
MASKED = -1000.0
"""What a mask puts is below, the scores of a softmax are above."""
TINY = 1e-30
PENDING = 1 << 20
"""Numbers of a Hessian's inputs that are summed up at once: 4 MB."""


@dataclass
class Moments:
    """The sum of z zᵀ over rows z = (x, 1) of K inputs: squares, sums and count in one matrix.

    Groups of inputs that never meet (channels of a depthwise convolution) have a matrix each.
    Rows are gathered until they are PENDING numbers: one product of many is faster than many of
    few, each of which would read and write the whole sum.
    """

    summed: Array
    pending: list[Array] = field(default_factory=list)

    @classmethod
    def of_width(cls, width: int, groups: int = 1) -> Moments:
        """Return the empty sum: (K + 1, K + 1), of several groups (G, K + 1, K + 1)."""
        shape = (width + 1, width + 1)
        return cls(np.zeros(shape if groups == 1 else (groups, *shape), np.float32))

    def add(self, rows: Array) -> None:
        """Add (N, K) inputs, or (N, G, K) of groups."""
        ones = np.ones((*rows.shape[:-1], 1), np.float32)
        self.pending.append(np.concatenate([rows.astype(np.float32), ones], axis=-1))
        if sum(some.size for some in self.pending) >= PENDING:
            self._sum_up()

    def _sum_up(self) -> None:
        rows = np.concatenate(self.pending)
        rows = rows if rows.ndim == 2 else rows.transpose(1, 0, 2)
        self.summed += rows.swapaxes(-1, -2) @ rows
        self.pending.clear()

    @property
    def total(self) -> Array:
        """(K + 1, K + 1), or (G, K + 1, K + 1)."""
        if self.pending:
            self._sum_up()
        return self.summed


def squares(moments: Array) -> Array:
    """Return the sum of x xᵀ: (..., K, K)."""
    return moments[..., :-1, :-1]


def mean(moments: Array) -> Array:
    """Return the mean input: (..., K)."""
    return moments[..., :-1, -1] / np.maximum(moments[..., -1:, -1], 1)


def deviations(moments: Array) -> Array:
    """Return the sum of (x - mean)(x - mean)ᵀ: (..., K, K)."""
    total = moments[..., :-1, -1].astype(np.float64)
    outer = total[..., :, None] * total[..., None, :] / np.maximum(moments[..., -1:, -1:], 1)
    return np.asarray(squares(moments) - outer, np.float32)


@dataclass
class Extents:
    """The least and the largest value of every channel."""

    axis: int = -1
    """That of the channels."""
    ends: Array = field(default_factory=lambda: np.array([[np.inf], [-np.inf]], np.float32))
    """(2, C): the least, the largest."""

    def add(self, values: Array) -> None:
        """Widen the ranges by those of values."""
        rest, (low, high) = other_axes(values, self.axis), self.ends
        self.ends = np.stack(
            [np.minimum(low, values.min(axis=rest)), np.maximum(high, values.max(axis=rest))]
        )


@dataclass
class Means:
    """The mean of every channel, by sample, of the first so many."""

    most: int
    axis: int = -1
    """That of the channels."""
    rows: list[Array] = field(default_factory=list)
    """(C,) of each sample."""

    def add(self, values: Array) -> None:
        """Add a sample's values."""
        if len(self.rows) < self.most:
            rest = other_axes(values, self.axis)
            # sums of float32 stand still
            self.rows.append(values.mean(axis=rest, dtype=np.float64))


def other_axes(values: Array, axis: int) -> tuple[int, ...]:
    """Return all axes but one."""
    return tuple(a for a in range(values.ndim) if a != axis % values.ndim)


@dataclass
class Histogram:
    """Counts of values between low and high in equal bins; the range doubles as it must.

    Doubling merges neighbours, so the counts are those that a single look at all values gives.
    `least_top` is the smallest largest value of a row: what counts of a softmax's operand. Rows of
    which a mask leaves nothing have none. `endless`: -inf was seen.
    """

    low: float = 0.0
    high: float = 0.0
    least: float = np.inf
    most: float = -np.inf
    least_top: float = np.inf
    endless: bool = False
    counts: Array = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, values: Array, *, counted: bool = True) -> None:
        """Count values, or only widen the range; those that are not finite are left out."""
        flat = values.reshape(-1)
        if not np.isfinite(flat).all():
            self.endless = self.endless or bool(np.isneginf(flat).any())
            flat = flat[np.isfinite(flat)]
        if not flat.size:
            return
        least, most = float(flat.min()), float(flat.max())
        self.least, self.most = min(self.least, least), max(self.most, most)
        tops = values.max(axis=-1) if values.ndim else values
        self.least_top = min(self.least_top, float(tops.min(where=tops > MASKED, initial=np.inf)))
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
