"""Metrics on arrays with known differences, and drawn inputs on graphs that say what they need."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmc.ir import Model, parse
from mmc.verification.casting import Array
from mmc.verification.evaluate import (
    allowance,
    compare,
    indices_agree,
    near,
    run_model,
    sums,
    tolerance,
)
from mmc.verification.inputs import draw_inputs


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_equal_arrays_have_no_noise() -> None:
    x = np.array([1.0, math.nan, -math.inf, 0.0], np.float32)
    found = compare("y", x, x.astype(np.float64))
    assert (found.sqnr_db, found.max_abs_error, found.positions_match) == (math.inf, 0, True)
    assert found.passes(1000)


@given(decibels=st.floats(10, 120))
def test_sqnr_is_the_ratio_of_energies(decibels: float) -> None:
    x = np.array([3.0, -4.0])
    found = compare("y", x, x * (1 + 10 ** (-decibels / 20)))
    assert found.sqnr_db == pytest.approx(decibels, abs=1e-6)
    assert found.cosine == pytest.approx(1)
    assert found.passes(decibels - 0.01)
    assert not found.passes(decibels + 0.01)


def test_figures_of_a_known_error() -> None:
    found = compare("y", np.array([3.0, 4.0, 0.0, 0.0]), np.array([3.0, 4.0, 0.5, 0.0]))
    assert found.max_abs_error == 0.5
    assert found.relative == pytest.approx(0.5 / 2.5)
    assert found.sqnr_db == pytest.approx(20)


@pytest.mark.parametrize(
    "actual",
    [[1, math.inf, 0, 0], [1, -math.inf, math.nan, 0], [1, math.inf, math.nan, math.nan]],
)
def test_nan_and_infinity_must_be_in_the_same_places(actual: list[float]) -> None:
    reference = np.array([1, math.inf, math.nan, 0])
    assert not compare("y", reference, np.array(actual)).passes(0)


def test_a_zero_reference_uses_the_absolute_error() -> None:
    zero = np.zeros(4, np.float32)
    assert compare("y", zero, zero + np.float32(9e-5)).passes(80)
    assert not compare("y", zero, zero + np.float32(2e-4)).passes(80)
    assert compare("y", zero, zero).passes(80)


def test_numbers_below_the_least_normal_are_zeros() -> None:
    found = compare("y", np.array([1e-40, 2, 0], np.float32), np.array([0, 2, -1e-39], np.float32))
    assert found.sqnr_db == math.inf
    assert compare("y", np.float32([1e-40]), np.float32([0])).zero_reference
    assert compare("y", np.float32([2e-38]), np.float32([0])).sqnr_db == 0


def test_integers_compare_by_value() -> None:
    a = np.array([1, 0, 3], np.int64)
    assert compare("y", a, a.astype(np.int32)).passes(80)
    assert compare("y", np.array([True, False]), np.array([1, 0], np.uint8)).passes(80)
    assert compare("y", a, a + np.array([0, 0, 1])).mismatches == 1
    assert not compare("y", a, a + np.array([0, 0, 1])).passes(0)


def test_shapes_must_be_equal() -> None:
    with pytest.raises(ValueError, match="has shape"):
        compare("y", np.zeros(3), np.zeros((3, 1)))


def test_indices_may_differ_between_equal_scores() -> None:
    scores = np.array([[1.0, 1.00005, 0.0], [5.0, 1.0, 2.0]])
    right, swapped, wrong = (np.array(i) for i in ([1, 0], [0, 0], [1, 2]))
    assert indices_agree(right, swapped, scores, 1, 1e-4)
    assert not indices_agree(right, swapped, scores, 1, 1e-5)
    assert not indices_agree(right, wrong, scores, 1, 1e-4)
    assert not indices_agree(right, np.array([3, 0]), scores, 1, 1e9)
    top2, reordered = np.array([[1, 0], [0, 2]]), np.array([[0, 1], [0, 2]])
    assert indices_agree(top2, reordered, scores, 1, 1e-4)


MATMUL = """<ir_version: 10, opset_import: ["" : 21]>
g (float[4,64] x) => (float[4,8] y) { y = MatMul(x, w) }"""


def test_an_allowance_tells_rounding_from_errors() -> None:
    model, x = parse(MATMUL, w=normal(0, 64, 8)), normal(1, 4, 64)
    reference = run_model(model, {"x": x})["y"]
    assert sums(model) == {"y": 64}
    allowed = allowance(reference.dtype, 64, 0.0)
    reordered = (x[:, ::-1].astype(np.float32) @ normal(0, 64, 8)[::-1]).astype(np.float32)
    assert near(compare("y", reference, reference), 0.0)
    assert near(compare("y", reference, reordered), allowed)
    wrong = compare("y", reference, reference * np.float32(1.001))
    assert not near(wrong, allowed)
    assert near(wrong, allowance(reference.dtype, 64, wrong.relative / 3))


def test_tolerance_grows_with_the_sum() -> None:
    assert 1e-6 < tolerance(np.dtype(np.float32), 1152) < 1e-4


TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (int64[1,8] ids, int64[1,8] keep, int64[1,8] positions, int64[2] flag, float[2,1,4] state,
   float[1,8,4] encoder_hidden_states, uint8[1,8,8,3] image, bool[1,8] padding_mask)
=> (float[1,8,4] y, float[1,8] m, int64[2] f, float[2,1,4] s, float[1,8,4] h, uint8[1,8,8,3] i,
    bool[1,8] p) {
    one = Constant<value = int64[1] {1}> ()
    narrow = Cast<to = 6> (ids)
    moved = Add (positions, one)
    a = Gather (table, narrow)
    b = Gather (small, moved)
    y = Add (a, b)
    k = Cast<to = 1> (keep)
    m = Mul (k, k)
    f = Identity (flag)
    s = Identity (state)
    h = Identity (encoder_hidden_states)
    i = Identity (image)
    p = Identity (padding_mask)
}"""


def text_model() -> Model:
    return parse(TEXT, table=normal(0, 30, 4), small=normal(1, 9, 4))


@pytest.mark.parametrize("seed", range(5))
def test_drawn_inputs_fit_their_use(seed: int) -> None:
    feeds = draw_inputs(text_model(), seed)
    assert feeds["ids"].dtype == np.int64
    assert 0 <= feeds["ids"].min() <= feeds["ids"].max() < 30
    assert feeds["ids"].max() > 1
    assert 0 <= feeds["positions"].min() <= feeds["positions"].max() < 8
    assert feeds["keep"].tolist() == [[1] * 6 + [0] * 2]
    assert feeds["padding_mask"].tolist() == [[True] * 6 + [False] * 2]
    assert set(feeds["flag"].tolist()) <= {0, 1}
    assert not feeds["state"].any()
    assert feeds["encoder_hidden_states"].std() > 0.5
    assert feeds["image"].max() > 100
    run_model(text_model(), feeds)


def test_drawn_inputs_depend_on_the_seed_only() -> None:
    first, again, other = (draw_inputs(text_model(), seed)["ids"] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
