"""Channels between two layers that are scaled so that both sides have like ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .grids import Array, in_parts
from .statistics import mean, squares

WEIGHT_CODES = 127.0
"""Codes of a weight on either side of zero."""
VALUE_CODES = 255.0
"""Steps between the least and the largest value."""


@dataclass(frozen=True)
class Held:
    """What the channels of a value hold, all (C,)."""

    low: Array
    high: Array
    mean: Array
    variance: Array

    @property
    def reach(self) -> Array:
        """The magnitude that every channel reaches."""
        return np.asarray(np.maximum(np.abs(self.low), np.abs(self.high)))

    def rounded(self, factors: Array) -> Array:
        """Return the energy of rounding to codes of one step, each channel divided by its factor.

        What is nearer to 0 than half a step becomes 0: an error no larger than itself.
        """
        power = (self.variance + self.mean**2) / factors**2
        return np.asarray(np.minimum(rounding((self.low, self.high), factors), power))


def rounding(ends: Sequence[Array] | Array, factors: Array) -> float:
    """Return the energy of rounding to 8-bit codes, each channel divided by its factor.

    Args:
        ends: of the channels, the least and the largest: (C,) each.
    """
    low, high = ends
    span = (high / factors).max(initial=0) - (low / factors).min(initial=0)
    return float((span / VALUE_CODES) ** 2 / 12)


def held(ends: Array, moments: Array, *, last: bool = True) -> Held:
    """Return what channels hold.

    Args:
        ends: (2, C), the least and the largest.
        moments: of windows (K + 1, K + 1), or of a channel each (C, K + 1, K + 1).
        last: the channel is the last axis of windows, not the first.
    """
    count = np.maximum(moments[..., -1:, -1], 1)
    power = np.einsum("...ii->...i", squares(moments)) / count
    middle = mean(moments)
    if moments.ndim == 2:
        channels = ends.shape[1]
        shape = (-1, channels) if last else (channels, -1)
        power, middle = (a.reshape(shape) for a in (power, middle))
        power, middle = (power.T, middle.T) if last else (power, middle)
    first, second = middle.mean(axis=-1), power.mean(axis=-1)
    variance = np.maximum(second - first**2, 0)
    return Held(ends[0], ends[1], first, variance)


def balance(made: Array, read: Array) -> Array:
    """Return (C,) factors s, powers of two: values become made / s, what reads them read * s.

    Both ranges become about sqrt(made * read). Powers of two scale floats without any rounding. A
    channel that is always 0, or that nobody reads, gets 1.

    Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
        ICCV 2019, equation 11, with the measured range of the values for that of the weights which
        make them, as Xiao et al., "SmoothQuant", ICML 2023, equation 4 with alpha = 0.5.
    """
    known = (made > 0) & (read > 0)
    ratio = np.divide(made, read, out=np.ones_like(made, np.float64), where=known)
    level = np.exp(np.log(ratio[known]).mean()) if known.any() else 1.0
    exponents = np.rint(np.log2(np.sqrt(ratio / level)))
    return np.where(known, 2.0 ** np.clip(exponents, -16, 16), 1.0).astype(np.float32)


def noise(weight: Array, factors: Array, seen: Held, carried: float = 0.0) -> float:
    """Return the energy at a layer's outputs of rounding values and weights to 8 bits.

    What rounded weights make of the mean of the values is no part of it: the bias takes that up.

    Args:
        weight: (O, C, window); a depthwise one as (C, 1, window), seen from its channels.
        factors: (C,), as `balance` returns them.
        carried: energy of the rounding of what the value is the sum of, that every channel has.
    """
    power, values = seen.variance / factors**2, seen.rounded(factors) + carried
    if weight.shape[1] < len(factors):  # every row has a channel, and a step, of its own
        scaled = np.abs(weight)[:, 0] * factors[:, None]
        steps = ((scaled.max(axis=1) / WEIGHT_CODES) ** 2 * power).sum()
        made = (scaled**2).sum(axis=1) @ values
    else:
        steps = made = 0.0
        for some in in_parts(len(weight), weight[0].size):
            scaled = np.abs(weight[some]) * factors[None, :, None]
            steps += ((scaled.max(axis=(1, 2)) / WEIGHT_CODES) ** 2).sum() * power.sum()
            made += (scaled**2).sum(axis=(0, 2)) @ values
    return float(made + steps * weight.shape[2] / 12)
