"""Activations that only cut off, behind layers on codes: codes end there, and do it."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ir_tests.quantizing import feeds_of, quantized
from mmc.integers.cut_offs import drop_cut_offs
from mmc.integers.integer_ranges import Needed, cut_off
from mmc.ir import Array, Model, Value, parse, sources
from mmc.quant.statistics import Histogram
from mmc.shapes import infer
from mmc.verification.evaluate import run_model

HEAD = '<ir_version: 10, opset_import: ["" : 21]> g (float[1,32,4,4] x) => (float[1,32,4,4] y)'
DRAWN = np.random.default_rng(0).standard_normal((2, 32, 32, 1, 1)) / 4
WEIGHTS = dict(zip("vw", DRAWN, strict=True))
ALL = -np.inf, np.inf


def model_of(body: str, **constants: float) -> Model:
    """Return a network of 1 x 1 convolutions."""
    arrays = {n: np.asarray(a, np.float32) for n, a in (WEIGHTS | constants).items()}
    used = {n: a for n, a in arrays.items() if f" {n}" in body}
    model = parse(f"{HEAD} {{ {body} }}", **used)
    infer(model)
    return model


def left(model: Model) -> list[str]:
    """Return the activations that are left."""
    return [n.op_type for n in model.graph if n.op_type in ("Relu", "Clip", "LeakyRelu")]


@pytest.mark.parametrize(
    ("activation", "bits", "expected"),
    [
        ("b = Relu(a)", 8, []),
        ("b = Clip(a, low, high)", 8, []),
        ("b = Clip(a, , high)", 8, []),
        ("b = Clip(a, low)", 8, []),
        ("b = LeakyRelu(a)", 8, ["LeakyRelu"]),
        ("b = Relu(a)", 16, ["Relu"]),  # 16-bit codes reach as far below 0 as above
        ("b = Clip(a, low, high)", 16, ["Clip"]),
        ("b = Clip(a, high)", 8, ["Clip"]),  # codes hold 0, which is cut off
        ("c = Relu(a) b = Add(c, a)", 8, ["Relu"]),  # another reads what is cut off
        ("c = Sigmoid(a) b = Clip(c, low, high)", 8, ["Clip"]),  # the kernel chooses its scale
    ],
)
def test_what_codes_do(activation: str, bits: int, expected: list[str], tmp_path: Path) -> None:
    body = f"a = Conv(x, v) {activation} y = Conv(b, w)"
    assert left(quantized(model_of(body, low=-0.4, high=0.6), bits, tmp_path)) == expected


def test_a_layer_that_cuts_off_names_both_nodes(tmp_path: Path) -> None:
    model = model_of("[first] a = Conv(x, v) [second] y = Relu(a)")
    for node in model.graph:
        node.metadata_props["mmc.sources"] = node.name or ""
    assert left(quantized(model, 8, tmp_path)) == []
    (layer,) = (n for n in model.graph if n.op_type == "Conv")
    assert sources(layer) == ("first", "second")
    assert [v.name for v in model.graph.outputs] == ["y"]


@given(
    st.sampled_from(["Relu(a)", "Clip(a, low, high)", "Clip(a, low)", "Clip(a, , high)"]),
    st.floats(-3, 0),
    st.floats(0.1, 3),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_numbers_stay_the_same(
    tmp_path_factory: pytest.TempPathFactory, text: str, low: float, high: float, sums: bool
) -> None:
    """With the activation between the codes, which end where it does, nothing is different."""
    body = "a = Conv(x, v)" if not sums else "s = Conv(x, v) a = Add(s, x)"
    folder = tmp_path_factory.mktemp("cut")

    def made(*, drop: bool) -> Array:
        model = model_of(f"{body} b = {text} y = Conv(b, w)", low=low, high=high)
        keep = mock.Mock(side_effect=lambda _, nodes, __: nodes)
        with mock.patch(
            "mmc.passes.quantize_activations.drop_cut_offs", drop_cut_offs if drop else keep
        ):
            quantized(model, 8, folder)
        assert bool(left(model)) != drop
        (found,) = run_model(model, feeds_of(model)).values()
        return found

    np.testing.assert_array_equal(made(drop=True), made(drop=False))


def needed(body: str, **constants: float) -> tuple[float, float]:
    """Return what is needed of `a`, of which -9 to 9 was seen."""
    model = model_of(f"a = Conv(x, v) {body}", **constants)
    seen = {v.name or "": between(-9, 9) for n in model.graph for v in n.outputs}
    (value,) = (v for n in model.graph for v in n.outputs if v.name == "a")
    return Needed(seen).of(value)


def between(low: float, high: float) -> Histogram:
    """Return what was seen of values between two."""
    found = Histogram()
    found.add(np.array([low, high], np.float32))
    return found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = Relu(a)", (0, np.inf)),
        ("y = Clip(a, low, high)", (-2, 6)),
        ("t = Transpose<perm = [0, 1, 3, 2]>(a) y = Clip(t, low, high)", (-2, 6)),
        ("t = MaxPool<kernel_shape = [1, 1]>(a) y = Relu(t)", (0, np.inf)),
        ("t = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(a) y = Relu(t)", ALL),
        ("t = Add(a, x) y = Relu(t)", ALL),  # nothing is known of x
        ("s = Conv(x, w) t = Add(a, s) y = Relu(t)", (-9, np.inf)),
        ("r = Relu(a) t = Clip(a, low, high) y = Add(r, t)", (-2, np.inf)),
        ("r = Relu(a) y = Add(r, a)", ALL),
        ("y = LeakyRelu(a)", ALL),
    ],
)
def test_what_readers_leave(body: str, expected: tuple[float, float]) -> None:
    assert needed(body, low=-2.0, high=6.0) == expected


def test_what_is_an_output_is_needed_whole() -> None:
    model = model_of("a = Conv(x, v) y = Relu(a)")
    (value,) = model.graph.outputs
    assert Needed({}).of(value) == ALL


@pytest.mark.parametrize(
    ("ends", "expected"),
    [((-9, 9), (-2, 6)), ((-1, 3), (-1, 3)), ((7, 9), (6, 6)), ((-9, -3), (-2, -2))],
)
def test_ranges_end_where_readers_do(
    ends: tuple[float, float], expected: tuple[float, float]
) -> None:
    model = model_of("a = Conv(x, v) y = Clip(a, low, high)", low=-2.0, high=6.0)
    value = next(v for n in model.graph for v in n.outputs if v.name == "a")
    assert Needed({}).within(ends, value) == expected


def test_a_long_chain_is_asked_from_its_end() -> None:
    """Of 3000 sums each is looked at once."""
    lines = " ".join(f"t{i + 1} = Add(t{i}, t{i})" for i in range(3000))
    model = model_of(f"t0 = Conv(x, v) {lines} y = Relu(t3000)")
    values = [v for n in model.graph for v in n.outputs]
    needs = Needed({v.name or "": between(0, 1) for v in values})
    found: list[Value] = [v for v in reversed(values) if needs.of(v)[1] < np.inf]
    assert found == []


def test_ends_that_only_data_know_are_none() -> None:
    model = model_of("m = ReduceMax<keepdims = 0>(x) y = Clip(x, m)")
    assert cut_off(next(n for n in model.graph if n.op_type == "Clip")) is None
