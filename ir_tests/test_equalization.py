"""What equalizing channels is worth, and by which factors: estimates beside what rounding makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmc.ir import Array
from mmc.quant.equalization import balance, held, noise, rounding
from mmc.quant.statistics import Extents, Moments

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_factors_are_powers_of_two_that_bring_ranges_together(seed: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    made, read = 10 ** rng.uniform(-3, 3, channels), 10 ** rng.uniform(-3, 3, channels)
    made[rng.random(channels) < 0.2] = 0
    factors = balance(made, read)
    assert (np.exp2(np.rint(np.log2(factors))) == factors).all()
    assert (factors[made == 0] == 1).all()
    ratio = (made / factors)[made > 0] / (read * factors)[made > 0]
    # half a power of two of the root at each end, that is one of the ratio: a factor of 4 in all
    assert ratio.size == 0 or ratio.max() / ratio.min() <= 4 * 1.001


@pytest.mark.parametrize("last", [True, False])
def test_means_and_variances_are_of_channels(last: bool) -> None:
    rng = np.random.default_rng(0)
    size = np.array([1, 10, 100], np.float32)
    rows = ((rng.standard_normal((4000, 4, 3)) + 2) * size).astype(np.float32)
    seen = Moments.of_width(12)
    seen.add((rows if last else rows.swapaxes(1, 2)).reshape(4000, 12))  # a window of 4 places
    found = held(np.stack([rows.min((0, 1)), rows.max((0, 1))]), seen.total, last=last)
    np.testing.assert_allclose(found.mean, 2 * size, rtol=0.1)
    np.testing.assert_allclose(found.variance, size**2, rtol=0.1)
    np.testing.assert_array_equal(found.reach, np.abs(rows).max((0, 1)))


@pytest.mark.parametrize("axis", [3, 1])
def test_extents_are_of_channels_and_grow(axis: int) -> None:
    x = np.random.default_rng(0).standard_normal((5, 1, 4, 4, 3)).astype(np.float32)
    seen = Extents(axis)
    for one in x:
        seen.add(np.moveaxis(one, 3, axis))
    np.testing.assert_array_equal(seen.ends, [x.min((0, 1, 2, 3)), x.max((0, 1, 2, 3))])


@pytest.mark.parametrize("middles", [[0.0], [0.0, 10.0]])
def test_noise_is_what_rounding_makes(middles: list[float]) -> None:
    """The estimate orders factors as the rounding of values and weights does.

    Where channels are far from 0, biases take up the mean error, so that it counts nowhere. Rare
    values far outside count: they set the step.
    """
    rng = np.random.default_rng(0)
    size = 10 ** rng.uniform(-1, 1, 16)
    x, w = (
        (rng.standard_normal((3000, 16)) + np.resize(middles, 16)) * size,
        rng.standard_normal((24, 16)),
    )
    x[0] *= 3
    seen = Moments.of_width(16)
    seen.add(x.astype(np.float32))
    known = held(np.stack([x.min(axis=0), x.max(axis=0)]), seen.total)

    def rounded(values: Array, step: Array) -> Array:
        return np.asarray(np.rint(values / step) * step)

    def measured(factors: Array) -> float:
        values, weights = x / factors, w * factors
        steps = np.abs(weights).max(axis=1, keepdims=True) / 127
        step = (values.max() - values.min()) / 255
        kept = rounded(weights, steps)
        made = rounded(values, step) @ kept.T + values.mean(axis=0) @ (weights - kept).T
        return float(((made - x @ w.T) ** 2).mean())

    factors = balance(known.reach, np.abs(w).max(axis=0))
    ones = np.ones_like(factors)
    estimated = noise(w[:, :, None], factors, known) / noise(w[:, :, None], ones, known)
    assert measured(factors) / measured(ones) == pytest.approx(estimated, rel=0.15)
    assert measured(factors) < 0.9 * measured(ones)


def test_codes_of_terms_count() -> None:
    """A sum cut off at 0 hides how far its terms reach: their rounding decides all the same."""
    rng = np.random.default_rng(0)
    size = 10 ** rng.uniform(-1, 1, 16)
    a, b = rng.standard_normal((2, 3000, 16)) * size * [[[1]], [[30]]]
    a[:, size < 1] -= 100 * size[size < 1]
    w, x = rng.standard_normal((24, 16)), np.maximum(a - np.abs(b), 0)
    b = -np.abs(b)
    seen = Moments.of_width(16)
    seen.add(x.astype(np.float32))
    ends = [np.stack([v.min(axis=0), v.max(axis=0)]) for v in (x, a, b)]

    def rounded(values: Array) -> Array:
        step = (values.max() - min(values.min(), 0)) / 255
        return np.asarray(np.rint(values / step) * step)

    def measured(factors: Array) -> float:
        made = np.maximum(rounded(a / factors) + rounded(b / factors), 0)
        return float(((rounded(made) @ (w * factors).T - x @ w.T) ** 2).mean())

    known = held(ends[0], seen.total)
    factors = balance(known.reach, np.abs(w).max(axis=0))
    ones = np.ones_like(factors)

    def estimated(terms: list[Array]) -> float:
        made = [
            noise(w[:, :, None], f, known, sum(rounding(e, f) for e in terms))
            for f in (factors, ones)
        ]
        return made[0] / made[1]

    assert measured(factors) > measured(ones)
    assert estimated(ends[1:]) > 1 > estimated([])


@pytest.mark.parametrize("depthwise", [False, True])
def test_one_channel_is_read_by_many_or_by_one(depthwise: bool) -> None:
    """Weights (O, 1, window) of a layer that reads one channel look as those of a depthwise one."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal((1 if depthwise else 16, 1, 9))
    x = rng.standard_normal((50, 9, 1)).astype(np.float32)
    seen = Moments.of_width(9)
    seen.add(x[..., 0])
    known = held(np.stack([x.min((0, 1)), x.max((0, 1))]), seen.total)
    assert balance(known.reach, np.abs(w).max((0, 2))) == [1]
    step, steps = np.ptp(x) / 255, np.abs(w).max((1, 2)) / 127
    expected = (w**2).sum() * step**2 / 12 + (steps**2).sum() * 9 / 12 * known.variance[0]
    assert noise(w, np.ones(1), known) == pytest.approx(expected)
