"""Channels between two layers that are scaled so that both sides have like ranges."""

from __future__ import annotations

import numpy as np

from .grids import Array
from .statistics import mean, squares

STEPS = 127.0
"""Codes on either side of zero."""
FAR = 4.0
"""Standard deviations that a channel is taken to reach from its mean."""


def reach(moments: Array, channels: int) -> tuple[Array, Array]:
    """Return the magnitude that every channel reaches, and its variance: both (C,).

    Args:
        moments: of windows with the channel last (K + 1, K + 1), or of a channel each
            (C, K + 1, K + 1).
    """
    count = np.maximum(moments[..., -1:, -1], 1)
    power = np.einsum("...ii->...i", squares(moments)) / count
    middle = mean(moments)
    if moments.ndim == 2:
        power, middle = (a.reshape(-1, channels).T for a in (power, middle))
    second, first = power.mean(axis=-1), middle.mean(axis=-1)
    variance = np.maximum(second - first**2, 0)
    return np.abs(first) + FAR * np.sqrt(variance), variance


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


def noise(weight: Array, factors: Array, reached: Array, variance: Array) -> float:
    """Return the energy at a layer's outputs of rounding values and weights to 8 bits.

    What rounded weights make of the mean of the values is no part of it: the bias takes that up.

    Args:
        weight: (O, C, window); a depthwise one as (C, 1, window), seen from its channels.
        factors, reached, variance: (C,), as `balance` and `reach` return them.
    """
    value_step, power = (reached / factors).max() / STEPS, variance / factors**2
    if weight.shape[1] == 1:  # every row has a channel, and a step, of its own
        scaled = np.abs(weight)[:, 0] * factors[:, None]
        rounded = ((scaled.max(axis=1) / STEPS) ** 2 * power).sum()
    else:
        scaled = np.abs(weight) * factors[None, :, None]
        rounded = ((scaled.max(axis=(1, 2)) / STEPS) ** 2).sum() * power.sum()
    return float((scaled**2).sum() * value_step**2 + rounded * weight.shape[2])
