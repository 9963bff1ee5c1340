"""Which range of an activation its codes cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .statistics import Histogram

PARTS = (1.0, 0.8, 0.6, 0.45, 0.3, 0.2, 0.12)
"""Parts of the largest magnitude at which a range may be clipped."""
LARGEST = 2.0**100
"""What masks subtract may be the largest float: a step more is infinite, 0 times that NaN."""


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

    @property
    def ends(self) -> tuple[float, float]:
        """The numbers that the smallest and the largest code stand for."""
        return self.scale * (self.low - self.zero), self.scale * (self.high - self.zero)

    @property
    def reach(self) -> float:
        """The largest magnitude that a code stands for."""
        return self.scale * max(self.zero - self.low, self.high - self.zero)


def affine(low: float, high: float, bits: int, *, half: bool = False) -> Affine:
    """Return the codes that cover low..high and represent 0 exactly.

    8 bits use all codes with a zero point; 16 bits are symmetric, as TFLite's kernels demand.
    The scale is a positive normal float32 in any case, and what codes stand for is finite.

    Args:
        half: the scale is stored as float16: it is one, if one is as large and no subnormal number.
    """
    low, high = max(min(low, 0.0), -LARGEST), min(max(high, 0.0), LARGEST)
    tiny = float(np.finfo(np.float32).tiny) * 2**20
    if bits == 16:
        return Affine(16, float(np.float32(max(-low, high, tiny) / 32767)), 0)
    scale = float(np.float32(max(high - low, tiny) / 255))
    scale = to_half(scale) if half else scale
    zero = int(np.clip(np.rint(-128 - low / scale), -128, 127))
    return Affine(8, scale, zero)


def to_half(scale: float) -> float:
    """Return the next float16 that is as large; the scale itself where that is no normal number."""
    limits = np.finfo(np.float16)
    if not float(limits.tiny) <= scale <= float(limits.max):
        return scale
    near = np.float16(scale)
    return float(near if float(near) >= scale else np.nextafter(near, np.float16(np.inf)))


def min_max(seen: Histogram) -> tuple[float, float]:
    """Return the exact range; (0, 0) where nothing was seen."""
    return (seen.least, seen.most) if seen.least <= seen.most else (0.0, 0.0)


def percentile(seen: Histogram, part: float) -> tuple[float, float]:
    """Return the range that holds `part` (0.9999) of the values, cut evenly at both ends."""
    if not seen.counts.any():
        return 0.0, 0.0
    share = np.cumsum(seen.counts) / seen.counts.sum()
    cut, width = (1 - part) / 2, (seen.high - seen.low) / len(share)
    first, last = np.searchsorted(share, [cut, 1 - cut])
    low, high = seen.low + first * width, seen.low + (min(last, len(share) - 1) + 1) * width
    return max(low, seen.least), min(high, seen.most)


def narrowed(low: float, high: float) -> list[tuple[float, float]]:
    """Return the range and narrower ones that leave out what is largest, each once."""
    bounds = [part * max(-low, high) for part in PARTS]
    return [*dict.fromkeys((max(low, -b), min(high, b)) for b in bounds)]
