"""Which range of an activation its codes cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grids import Array
from .statistics import Histogram

STEPS = 48
LEAST_GAIN = 0.5
"""Clipping must halve the expected error at least: else an exact range is the safer one."""


@dataclass(frozen=True)
class Affine:
    """real = scale * (code - zero), codes of 8 or 16 bits."""

    bits: int
    scale: float
    zero: int

    @property
    def low(self) -> int:
        """The smallest code."""
        return -(1 << self.bits - 1)

    @property
    def high(self) -> int:
        """The largest code."""
        return (1 << self.bits - 1) - 1


def affine(low: float, high: float, bits: int) -> Affine:
    """Return the codes that cover low..high and represent 0 exactly.

    8 bits use all codes with a zero point; 16 bits are symmetric, as TFLite's kernels demand.
    The scale is a positive normal float32 in any case.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    tiny = float(np.finfo(np.float32).tiny) * 2**20
    if bits == 16:
        return Affine(16, float(np.float32(max(-low, high, tiny) / 32767)), 0)
    scale = float(np.float32(max(high - low, tiny) / 255))
    zero = int(np.clip(np.rint(-128 - low / scale), -128, 127))
    return Affine(8, scale, zero)


def min_max(seen: Histogram) -> tuple[float, float]:
    """Return the exact range; (0, 0) where nothing was seen."""
    return (seen.least, seen.most) if seen.counts.any() else (0.0, 0.0)


def percentile(seen: Histogram, part: float) -> tuple[float, float]:
    """Return the range that holds `part` (0.9999) of the values, cut evenly at both ends."""
    if not seen.counts.any():
        return 0.0, 0.0
    share = np.cumsum(seen.counts) / seen.counts.sum()
    cut, width = (1 - part) / 2, (seen.high - seen.low) / len(share)
    first, last = np.searchsorted(share, [cut, 1 - cut])
    low, high = seen.low + first * width, seen.low + (min(last, len(share) - 1) + 1) * width
    return max(low, seen.least), min(high, seen.most)


def least_error(seen: Histogram, bits: int) -> tuple[float, float]:
    """Return the range of least expected squared error, among shrunken min-max ranges.

    The exact range is kept unless shrinking it makes the error less than `LEAST_GAIN` of its own:
    the tail that is clipped may be what the model lives on.
    """
    low, high = min_max(seen)
    least = exact = expected_error(seen, affine(low, high, bits))
    best = low, high
    for part in np.linspace(1, 0.05, STEPS)[1:]:
        for candidate in ((low * part, high * part), (low, high * part), (low * part, high)):
            error = expected_error(seen, affine(candidate[0], candidate[1], bits))
            if error < least:
                best, least = candidate, error
    return best if least < LEAST_GAIN * exact else (low, high)


def expected_error(seen: Histogram, q: Affine) -> float:
    """Return the sum of squared errors of rounding and clipping the values that were seen."""
    x: Array = seen.centres
    codes = np.clip(np.rint(x / q.scale) + q.zero, q.low, q.high)
    clipped = np.clip(x, q.scale * (q.low - q.zero), q.scale * (q.high - q.zero))
    rounding = q.scale**2 / 12  # of values spread evenly within a step
    inside = np.where(clipped == x, rounding, (x - q.scale * (codes - q.zero)) ** 2)
    return float(seen.counts @ inside)
