"""Grids, scales, rounding, tables, ranges and allocation against exhaustive search."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ir_tests.layers_drawn import SEEDS, weights
from mmc.quant.allocation import Choice, allocate
from mmc.quant.grids import GRIDS, grid_of, stored_bytes
from mmc.quant.metrics import agreement, cosine, kl_divergence, sqnr_db
from mmc.quant.ranges import affine, min_max, narrowed, percentile
from mmc.quant.rounding import nearest
from mmc.quant.scales import max_scale, mse_scale, refit_scale, rounding_error, to_blocks
from mmc.quant.statistics import Histogram
from mmc.quant.tables import k_means


@pytest.mark.parametrize("bits", GRIDS)
@given(seed=SEEDS)
@settings(max_examples=5, deadline=None)
def test_scales(bits: int, seed: int) -> None:
    rows, grid = weights(seed), grid_of(bits)
    widest, best = max_scale(rows, grid), mse_scale(rows, grid)
    assert grid.low - 1e-4 <= (rows / widest[:, None]).min()
    assert (rows / widest[:, None]).max() <= grid.high + 1e-4
    least = rounding_error(rows, best, grid)
    for row, found, wide in zip(rows.astype(np.float64), least, widest, strict=True):
        for scale in wide * np.linspace(0.2, 1, 65):
            codes = [min(max(round(x / scale), grid.low), grid.high) for x in row]
            assert found <= sum((row - scale * np.array(codes)) ** 2) * (1 + 1e-4)
    codes = nearest(rows, best, grid)
    assert codes.min() >= grid.low
    assert codes.max() <= grid.high
    fitted = refit_scale(rows, codes, best)
    error = ((rows - codes * fitted[:, None]) ** 2).sum(axis=1)
    assert (error <= least * (1 + 1e-5)).all()


def test_importance_moves_the_scale() -> None:
    row = np.array([[1.0, 1.0, 1.0, 10.0]], np.float32)
    important = np.array([1, 1, 1, 0], np.float32)
    grid = grid_of(4)
    assert rounding_error(row, mse_scale(row, grid, important), grid, important) < 0.05
    assert rounding_error(row, max_scale(row, grid), grid, important) > 0.1


def test_what_scales_refuse() -> None:
    with pytest.raises(ValueError, match="bits must be"):
        grid_of(3)
    with pytest.raises(ValueError, match="NaN"):
        mse_scale(np.array([[np.nan]], np.float32), grid_of(8))
    with pytest.raises(ValueError, match="do not divide"):
        to_blocks(np.zeros((2, 10), np.float32), 4)
    assert (max_scale(np.zeros((2, 3), np.float32), grid_of(8)) == 1).all()
    assert stored_bytes(5, 2, 3) == 2 + 12


@given(
    st.lists(st.integers(-20, 20), min_size=1, max_size=9),
    st.integers(1, 4),
    st.booleans(),
    SEEDS,
)
@settings(max_examples=150, deadline=None)
def test_k_means_is_exact(numbers: list[int], levels: int, weighted: bool, seed: int) -> None:
    x = np.sort(np.array(numbers, np.float64))
    w = np.random.default_rng(seed).uniform(0.1, 3, len(x)) if weighted else np.ones(len(x))
    table = k_means(x, levels, w)
    assert table.shape == (levels,)
    assert (np.diff(table) >= 0).all()
    found = (w * (x[:, None] - table.astype(np.float64)).__abs__().min(axis=1) ** 2).sum()

    def cost(cuts: tuple[int, ...]) -> float:
        parts = zip((0, *cuts), (*cuts, len(x)), strict=True)
        slices = [(x[a:b], w[a:b]) for a, b in parts if b > a]
        return float(sum((v * (u - np.average(u, weights=v)) ** 2).sum() for u, v in slices))

    places = [cuts for k in range(levels) for cuts in combinations(range(1, len(x)), k)]
    assert found == pytest.approx(min(cost(cuts) for cuts in places), abs=1e-4)


def test_k_means_of_many_values_beats_even_levels() -> None:
    x = np.random.default_rng(0).standard_normal(20000)
    found = (np.abs(x[:, None] - k_means(x, 16)).min(axis=1) ** 2).mean()
    # the Lloyd-Max quantizer of a normal source with 16 levels has a distortion of 0.009497 (Max,
    # "Quantizing for minimum distortion", IRE Trans. 1960); a sample's optimum lies below its mean
    assert found == pytest.approx(0.009497, rel=0.03)


@given(st.lists(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=40), min_size=1))
@settings(max_examples=50, deadline=None)
def test_a_streamed_histogram_is_that_of_all_values(parts: list[list[float]]) -> None:
    seen, every = Histogram(), np.array([v for p in parts for v in p])
    for part in parts:
        seen.add(np.array(part))
    assert (seen.least, seen.most) == (every.min(), every.max())
    assert seen.counts.sum() == every.size
    assert seen.low <= every.min()
    assert every.max() <= seen.high
    width = (seen.high - seen.low) / len(seen.counts)
    mean = float(seen.counts @ seen.centres) / every.size
    assert mean == pytest.approx(every.mean(), abs=width + 1e-6 * np.abs(every).max())


@pytest.mark.parametrize("bits", [8, 16])
@given(low=st.floats(-1e4, 1e4), span=st.floats(0, 1e4))
@settings(max_examples=50, deadline=None)
def test_affine_codes(bits: int, low: float, span: float) -> None:
    q = affine(low, low + span, bits)
    assert q.low <= q.zero <= q.high
    x = np.linspace(min(low, 0), max(low + span, 0), 200)
    codes = np.clip(np.rint(x / q.scale) + q.zero, q.low, q.high)
    # rounding is half a step; the zero point's own rounding may cost another half at the ends
    assert np.abs(q.scale * (codes - q.zero) - x).max() <= q.scale * 1.01
    assert q.scale * (q.zero - q.zero) == 0


@pytest.mark.parametrize("bits", [8, 16])
def test_codes_stand_for_finite_numbers(bits: int) -> None:
    lowest = float(np.finfo(np.float32).min)  # what masks subtract
    q = affine(lowest, 0.0, bits)
    ends = np.float32(q.scale) * np.array([q.low - q.zero, q.high - q.zero], np.float32)
    assert np.isfinite(ends).all()
    assert ends[0] < -1e30


def test_ranges_leave_out_what_is_farthest() -> None:
    rng = np.random.default_rng(0)
    plain, spiked = Histogram(), Histogram()
    values = rng.uniform(-1, 1, 3_000_000)
    plain.add(values)
    spiked.add(np.concatenate([values, [5.0]]))
    assert percentile(plain, 1.0) == min_max(plain)
    assert percentile(spiked, 0.999)[1] < 1.1
    assert min_max(spiked)[1] == 5
    assert narrowed(-1.0, 5.0)[:4] == [(-1, 5), (-1, 4), (-1, 3), (-1, 2.25)]
    assert narrowed(-1.0, 5.0)[-1] == pytest.approx((-0.6, 0.6))
    assert narrowed(0.0, 0.0) == [(0, 0)]
    assert min_max(Histogram()) == (0, 0)


CHOICES = st.lists(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 50)), min_size=1, max_size=4),
    min_size=1,
    max_size=5,
)


@given(CHOICES, st.integers(0, 120))
@settings(max_examples=200, deadline=None)
def test_allocation_is_exact(sizes: list[list[tuple[int, int]]], budget: int) -> None:
    layers = [[Choice(b, float(e)) for b, e in layer] for layer in sizes]
    ways = [w for w in product(*layers) if sum(c.bytes for c in w) <= budget]
    if not ways:
        with pytest.raises(ValueError, match="smallest choices take"):
            allocate(layers, budget)
        return
    chosen = [layer[i] for layer, i in zip(layers, allocate(layers, budget), strict=True)]
    assert sum(c.bytes for c in chosen) <= budget
    assert sum(c.error for c in chosen) == min(sum(c.error for c in w) for w in ways)


def test_allocation_of_a_large_model() -> None:
    rng = np.random.default_rng(0)
    sizes, scales = rng.integers(1000, 10**6, 100), rng.uniform(0, 1, 100)
    layers = [
        [Choice(int(s * b) // 8, float(f * s * 4.0**-b)) for b in (2, 3, 4, 8)]
        for s, f in zip(sizes, scales, strict=True)
    ]
    budget = int(sizes.sum() * 4.1 / 8)
    chosen = allocate(layers, budget)
    spent = sum(layer[i].bytes for layer, i in zip(layers, chosen, strict=True))
    error = sum(layer[i].error for layer, i in zip(layers, chosen, strict=True))
    assert spent <= budget
    assert error < sum(layer[2].error for layer in layers)


def test_metrics() -> None:
    a = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 0.0]])
    assert sqnr_db(a, a) == np.inf
    assert sqnr_db(a, a * 1.1) == pytest.approx(20)
    assert sqnr_db(a * 0, a) == -np.inf
    assert cosine(a, -2 * a) == pytest.approx(-1)
    assert kl_divergence(a, a + 5) == pytest.approx(0, abs=1e-12)
    p = np.exp(a) / np.exp(a).sum(-1, keepdims=True)
    uniform = (p * np.log(p * 3)).sum(-1).mean()
    assert kl_divergence(a, a * 0) == pytest.approx(uniform)
    assert agreement(a, a[:, ::-1]) == 0
    assert agreement(a, a * 2) == 1
    with pytest.raises(ValueError, match="shapes differ"):
        sqnr_db(a, a[0])


@given(st.floats(-1e6, 0), st.floats(1e-9, 1e6))
@settings(max_examples=200, deadline=None)
def test_steps_are_float16_where_they_are_stored_so(low: float, high: float) -> None:
    """The package has the numbers that the IR has, and the range is covered all the same."""
    q, exact = affine(low, high, 8, half=True), affine(low, high, 8)
    tiny, largest = (float(x) for x in (np.finfo(np.float16).tiny, np.finfo(np.float16).max))
    if tiny <= exact.scale <= largest:
        assert np.float16(q.scale) == q.scale
        assert exact.scale <= q.scale <= exact.scale * (1 + 2.0**-10)
    else:
        assert q == exact
