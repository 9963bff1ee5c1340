"""GPTQ and the moments that it reads, against plain linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ir_tests.layers_drawn import SEEDS, inputs, weights
from mmc.quant.encoding import encode
from mmc.quant.grids import GRIDS, grid_of
from mmc.quant.metrics import output_error
from mmc.quant.rounding import gptq, inverse_root, nearest, to_grid, to_tables
from mmc.quant.scales import mse_scale, to_blocks
from mmc.quant.statistics import Moments, deviations, mean, squares
from mmc.quant.tables import k_means


@pytest.mark.parametrize("bits", GRIDS)
def test_gptq_without_correlation_is_rounding(bits: int) -> None:
    w, grid = weights(1), grid_of(bits)
    scale = mse_scale(w, grid)
    codes = gptq(w, np.eye(w.shape[1], dtype=np.float32), to_grid(scale, grid, w.shape[1]))
    np.testing.assert_array_equal(codes, nearest(w, scale, grid))


@pytest.mark.parametrize(("bits", "block"), [(8, 0), (4, 0), (2, 0), (4, 16), (2, 16)])
@pytest.mark.parametrize("act_order", [True, False])
def test_gptq_halves_the_error_of_rounding(bits: int, block: int, act_order: bool) -> None:
    w, x, grid = weights(2, 16, 160), inputs(3, 400, 160), grid_of(bits)
    seen = squares(moments_of(x))
    np.testing.assert_allclose(seen, x.T @ x, rtol=1e-3, atol=1e-2)
    rows = to_blocks(w, block) if block else w
    scale = mse_scale(rows, grid).reshape((16, -1) if block else (16,))
    spread = np.repeat(scale.reshape(16, -1), block or 160, axis=1)
    snap = to_grid(scale, grid, 160)
    made = gptq(w, seen, snap, act_order=act_order) * spread
    plain = nearest(w, scale, grid) * spread
    assert output_error(w, made, seen) < 0.5 * output_error(w, plain, seen)


def moments_of(x: np.ndarray) -> np.ndarray:
    """Return the moments of inputs that arrive in four parts."""
    x = x[:, 0] if x.ndim == 3 and x.shape[1] == 1 else x
    seen = Moments.of_width(x.shape[-1], 1 if x.ndim == 2 else x.shape[1])
    for part in np.array_split(x, 4):
        seen.add(part)
    return seen.total


@example(26198, 3)
@given(SEEDS, st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_moments_are_those_of_all_rows(seed: int, groups: int) -> None:
    x = inputs(seed, 40, 6 * groups).reshape(40, groups, 6) + np.float32(3)
    found = moments_of(x).reshape(groups, 7, 7)
    for g in range(groups):
        rows = x[:, g].astype(np.float64)
        large, away = np.abs(rows), rows - rows.mean(axis=0)
        # what a sum of 40 products may lose in float32, by the sum of their magnitudes
        lost = 40 * np.finfo(np.float32).eps
        of_mean, of_squares = lost * large.mean(axis=0), lost * large.T @ large
        of_away = of_squares + 2 * 40 * np.outer(of_mean, large.mean(axis=0))
        assert (np.abs(mean(found)[g] - rows.mean(axis=0)) <= of_mean).all()
        assert (np.abs(squares(found)[g] - rows.T @ rows) <= of_squares).all()
        assert (np.abs(deviations(found)[g] - away.T @ away) <= of_away + of_away.T).all()


@given(SEEDS, st.integers(1, 4), st.sampled_from([8, 4, 2]))
@settings(max_examples=25, deadline=None)
def test_groups_are_rounded_as_if_alone(seed: int, groups: int, bits: int) -> None:
    """Rows of a group see its inputs only: the same codes as a weight of these rows has."""
    w, grid = weights(seed, 3 * groups, 9), grid_of(bits)
    x = inputs(seed + 1, 60, 9 * groups).reshape(60, groups, 9)
    seen = moments_of(x).reshape(groups, 10, 10)
    together = encode(w, grid, 0, seen, shifts=True)
    for g, rows in enumerate(np.split(w, groups)):
        alone = encode(rows, grid, 0, seen[g], shifts=True)
        mine = slice(3 * g, 3 * g + 3)
        # other kernels for other shapes: a weight in the middle between two codes may get either
        assert (together.codes[mine] != alone.codes).mean() <= 0.1
        assert np.abs(together.codes[mine] - alone.codes).max() <= 1
        np.testing.assert_allclose(together.scale[mine], alone.scale, rtol=0.05)


@given(SEEDS, st.sampled_from([8, 4, 2]), st.sampled_from([0, 8]))
@settings(max_examples=25, deadline=None)
def test_a_bias_takes_up_the_error_of_the_mean(seed: int, bits: int, block: int) -> None:
    """After the shift the mean output is right, and the gain is that of least squares."""
    w, grid = weights(seed, 6, 16), grid_of(bits)
    x = inputs(seed + 1, 300, 16) + np.float32(4)
    seen = moments_of(x)
    made = encode(w, grid, block, seen, shifts=True)
    outputs = x.astype(np.float64) @ made.values.T + made.shift(w, seen)
    wanted = x.astype(np.float64) @ w.T
    # float32 sums of squares up to 16 * 6², and of the values themselves
    np.testing.assert_allclose(outputs.mean(axis=0), wanted.mean(axis=0), rtol=1e-4, atol=1e-3)
    error = ((outputs - wanted) ** 2).sum(axis=0)
    away = outputs - outputs.mean(axis=0)
    for gain in (0.99, 1.01):
        other = (outputs.mean(axis=0) + gain * away - wanted) ** 2
        assert (other.sum(axis=0) >= error * (1 - 1e-3)).all()
    unshifted = ((x.astype(np.float64) @ made.values.T - wanted) ** 2).sum(axis=0)
    assert (error <= unshifted * (1 + 1e-4)).all()
    # the relative error that is told is of the deviations, which is what is left
    told = made.error * ((wanted - wanted.mean(axis=0)) ** 2).sum()
    assert told == pytest.approx(error.sum(), rel=0.02)


def test_gptq_is_the_optimal_brain_update() -> None:
    """With two columns the second absorbs the first's error as least squares says."""
    w = np.array([[0.4, 0.4]], np.float32)
    h = np.array([[2.0, 1.9], [1.9, 2.0]], np.float32)
    seen: list[float] = []

    def snap(column: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(float(column[0]))
        return np.rint(column), np.rint(column)

    gptq(w, h, snap, damping=1e-9, act_order=False)
    assert seen[1] == pytest.approx(0.4 + 0.4 * 1.9 / 2.0, rel=1e-5)


def test_gptq_into_tables_and_refusals() -> None:
    w, x = weights(4, 8, 64), inputs(5, 300, 64)
    tables = np.stack([k_means(part, 4) for part in np.split(w, 2)])
    codes = gptq(w, x.T @ x, to_tables(tables, 4))
    values = tables[np.arange(8)[:, None] // 4, codes]
    near = np.abs(w[:, :, None] - np.repeat(tables, 4, axis=0)[:, None]).argmin(-1)
    plain = tables[np.arange(8)[:, None] // 4, near]
    assert output_error(w, values, x.T @ x) < output_error(w, plain, x.T @ x)
    with pytest.raises(ValueError, match="hessian has shape"):
        gptq(w, np.eye(3), to_tables(tables, 4))
    with pytest.raises(ValueError, match="NaN"):
        gptq(w, np.full((64, 64), np.nan), to_tables(tables, 4))


@pytest.mark.parametrize("size", [1, 7, 129, 300])
def test_inverse_root_is_a_root_of_the_inverse(size: int) -> None:
    x = inputs(6, 2 * size + 8, size + 8)[:, :size].astype(np.float64)
    h = x.T @ x
    u = inverse_root(h, 0.01).astype(np.float64)
    assert (np.tril(u, -1) == 0).all()
    damped = h + 0.01 * np.diag(h).mean() * np.eye(size)
    np.testing.assert_allclose(u.T @ u @ damped, np.eye(size), atol=1e-3)


def test_inverse_root_of_singular_inputs() -> None:
    x = np.zeros((3, 5), np.float32)
    x[:, :2] = np.random.default_rng(0).standard_normal((3, 2))
    u = inverse_root(x.T @ x, 0.01)
    assert np.isfinite(u).all()
    assert np.allclose(u, np.triu(u))
