"""What rounding does to a reference, against numbers whose rounding is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import parser

import mmc
from mmc.ir import parse, save
from mmc.verification import reference
from mmc.verification.perturbation import EPSILON, perturb
from mmc.verification.rounding_floor import coarsest_step, floor_db
from mmc.verification.survivors import carried


def test_perturbed_floats_are_off_by_one_rounding_but_whole_numbers_are_not() -> None:
    x = np.array([0.1, -3.7, 1.0, 0.0, -2.0, 1e-30, np.inf], np.float32)
    moved = perturb(x, np.random.default_rng(1))
    exact = x == np.round(x)
    np.testing.assert_array_equal(moved[exact], x[exact])
    off = abs(moved[~exact].astype(np.float64) / x[~exact] - 1)
    assert ((off > 0.4 * EPSILON) & (off < 1.6 * EPSILON)).all()
    counts = np.arange(5)
    assert perturb(counts, np.random.default_rng(1)) is counts


def test_constants_are_perturbed_from_the_second_draw_on(tmp_path: Path) -> None:
    proto = parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
        g (int64[2] i) => (float[2] y) { x = Cast<to=1>(i) y = Mul(x, k) }""")
    k = np.array([0.3, 0.7], np.float32)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(k, "k"))
    onnx.save(proto, tmp_path / "m.onnx")
    feeds = {"i": np.array([1, 1])}
    drawn = [reference.run(tmp_path / "m.onnx", feeds, perturbed=n)["y"] for n in range(5)]
    np.testing.assert_array_equal(drawn[:2], [k, k])
    assert len({tuple(y) for y in drawn[2:]} - {tuple(k)}) > 1
    np.testing.assert_allclose(drawn[2:], [k] * 3, rtol=2 * EPSILON)


@given(
    whole=st.lists(st.integers(-1000, 1000).filter(bool), min_size=1), exponent=st.integers(-90, 90)
)
def test_the_coarsest_step_divides_all_values(whole: list[int], exponent: int) -> None:
    step = coarsest_step(np.array(whole) * 2.0**exponent)
    assert step == 2.0**exponent * (math.gcd(*whole) & -math.gcd(*whole))


def test_the_floor_of_a_sigmoid_far_below_zero() -> None:
    x = np.linspace(-17.5, -16, 50, dtype=np.float32)
    exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    left_over = np.float32(1) - (np.float32(1) - exact.astype(np.float32))
    assert floor_db("y", left_over, []) < 20
    assert floor_db("y", exact.astype(np.float32), []) > 100
    assert floor_db("y", np.array([3.0, 7.0], np.float32), []) == math.inf
    assert floor_db("y", np.array([1, 2]), [{"y": np.array([1, 3])}]) == math.inf


def test_the_floor_is_the_lowest_of_the_draws() -> None:
    x = np.array([0.3, 0.5], np.float32)
    draws = [{"y": x * np.float32(1 + 10 ** (-db / 20))} for db in (90, 60, 70)]
    assert floor_db("y", x, draws) == pytest.approx(60, abs=0.1)


def test_a_floor_is_carried_on_and_falls_at_a_grid() -> None:
    graph = parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]> g (float[2] x)
        => (float[2] d) { a = Neg(x) b = Round(a) c = Neg(b) d = Neg(c) }""").graph
    x = np.array([0.3, 0.5], np.float32)
    expected = dict.fromkeys("acd", x)
    found = carried(graph, expected, [{"a": x, "c": x, "d": x * np.float32(1.01)}], 30.0)
    assert found["a"] > 100
    assert (found["c"], found["d"]) == (30, 30)


def test_images_are_compared_where_a_sigmoid_says_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    w, v = (rng.standard_normal((3, 3, 3, 3)).astype(np.float32) / 5 for _ in range(2))
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]> g (float[1,3,8,8] x) => (float[1,3,8,8] y) {
        c = Conv<pads = [1,1,1,1]>(x, w)  r = Relu(c)  d = Conv<pads = [1,1,1,1]>(r, v)
        h = HardSwish(d)  e = Sub(h, far)  y = Sigmoid(e) }""",
        w=w, v=v, far=np.float32(17),
    )  # fmt: skip
    save(model, tmp_path / "m.onnx")
    found = mmc.compile(tmp_path / "m.onnx", target="cpu", output=tmp_path / "m.tflite")
    assert found.verification is not None
    assert found.verification.floor_db < 30
    assert found.verification.inner >= 2
