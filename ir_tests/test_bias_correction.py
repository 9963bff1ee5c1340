"""The biases of last layers take up the mean error of codes, as far as it is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmc.backends.tflite.backend import TfliteBackend
from mmc.builder import initializer
from mmc.integers import bias_correction
from mmc.integers.bias_correction import certain, correct, last_layers, names_made, places_of
from mmc.integers.calibration import Data, calibrate
from mmc.ir import Array, Model, Node, constant, parse
from mmc.options import CompileOptions
from mmc.pass_manager import PassManager
from mmc.quant.statistics import Means
from mmc.shapes import infer
from mmc.target import load_target

SEEDS = st.integers(0, 2**32 - 1)
NET = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,8,8,8] x) => (float[1,4] y) {
    a = Conv<pads = [1, 1, 1, 1]>(x, w1, b1)  b = Relu(a)
    c = Conv<pads = [1, 1, 1, 1]>(b, w2, b2)  d = Relu(c)
    e = GlobalAveragePool(d)  f = Flatten(e)  y = Gemm(f, w3, b3)
}"""


def net(rng: np.random.Generator) -> Model:
    """Return a small classifier."""
    shapes = {"w1": (16, 8, 3, 3), "b1": (16,), "w2": (32, 16, 3, 3), "b2": (32,)}
    shapes |= {"w3": (32, 4), "b3": (4,)}
    drawn = {n: rng.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
    return lowered(parse(NET, **drawn))


def lowered(model: Model) -> Model:
    """Return the TFLite form."""
    PassManager(TfliteBackend(load_target("cpu"), CompileOptions()).phases()).run(model)
    return model


def scale_second(model: Model, factor: float) -> None:
    """Multiply the weight of the second layer."""
    node = [n for n in model.graph if is_layer_like(n)][1]
    value = node.inputs[1]
    array = constant(value)
    assert value is not None
    assert array is not None
    made = initializer(model.graph, value, (array * factor).astype(np.float32))
    node.replace_input_with(1, made)


def is_layer_like(node: Node) -> bool:
    """Say whether a node has a weight."""
    return len(node.inputs) > 2 and constant(node.inputs[1]) is not None and node.domain == "mmc"


def alike(rng: np.random.Generator, folder: Path) -> str:
    """Store samples that differ little; return their file."""
    middle = rng.standard_normal((1, 1, 8, 8, 8))
    x = middle + 0.01 * rng.standard_normal((16, 1, 8, 8, 8))
    np.savez(folder / "d.npz", x=x.astype(np.float32))
    return str(folder / "d.npz")


def means(model: Model, data: Data, nodes: list[Node]) -> dict[Node, Array]:
    """Return what layers make, the means of each sample."""
    found = calibrate(model, data, means=places_of(nodes)).means
    return {node: found[name] for node, name in names_made(nodes).items()}


@pytest.mark.parametrize("seed", range(3))
def test_mean_errors_are_taken_up(seed: int, tmp_path: Path) -> None:
    """What a layer in front does wrong in every sample, the last bias makes good."""
    rng = np.random.default_rng(seed)
    model, data = net(rng), Data(alike(rng, tmp_path), 16)
    last = last_layers(model.graph)
    before = means(model, data, last)
    scale_second(model, 0.97)
    errors = [np.abs(means(model, data, last)[n] - before[n]).mean() for n in last]
    correct(model, data, before)
    left = [np.abs(means(model, data, last)[n] - before[n]).mean() for n in last]
    assert len(last) == 1
    assert left[0] < errors[0] / 50


@given(SEEDS, st.integers(2, 40), st.floats(0, 3))
@settings(max_examples=60, deadline=None)
def test_what_is_certain_lies_between_nothing_and_the_mean(
    seed: int, count: int, middle: float
) -> None:
    errors = np.random.default_rng(seed).standard_normal((count, 5)) + middle
    found, mean = certain(errors), errors.mean(axis=0)
    assert (found * mean >= 0).all()
    assert (np.abs(found) <= np.abs(mean)).all()


def test_what_is_certain_is_nearer_than_the_mean() -> None:
    """Of errors that have nothing in common less is left than a mean leaves; of equal ones all."""
    rng = np.random.default_rng(0)
    drawn = [rng.standard_normal((8, 4)) for _ in range(500)]
    left = [
        np.mean([(f(e) ** 2).mean() for e in drawn]) for f in (certain, lambda e: e.mean(axis=0))
    ]
    assert left[0] < left[1] / 4
    same = np.full((8, 4), 0.7)
    np.testing.assert_allclose(certain(same), 0.7)


def test_means_of_many_places_are_right() -> None:
    """A sum in float32 stands still where it is 2^24 times what is added."""
    seen = Means(1)
    seen.add(np.full((1, 1500, 1500, 2), 0.1, np.float32))
    np.testing.assert_allclose(seen.rows, 0.1, rtol=1e-6)


def test_one_sample_says_nothing() -> None:
    np.testing.assert_array_equal(certain(np.ones((1, 3))), 0)


@pytest.mark.parametrize(
    ("end", "names"),
    [
        ("y = Gemm(x, w, b)", ["y"]),
        ("z = Gemm(x, w, b) y = Softmax(z)", ["z"]),
        ("y = MatMul(x, w)", []),
        ("z = Gemm(x, w, b) y = Relu(z)", []),
        ("z = Gemm(x, w, b) t = Relu(z) y = Gemm(t, v, b)", ["y"]),
    ],
)
def test_which_layers_are_last(end: str, names: list[str]) -> None:
    text = f"""<ir_version: 10, opset_import: ["" : 21]>
    g (float[2,3] x) => (float[2,4] y) {{ {end} }}"""
    arrays = {"w": np.ones((3, 4)), "v": np.ones((4, 4)), "b": np.ones(4)}
    used = {n: a.astype(np.float32) for n, a in arrays.items() if f" {n}" in text}
    model = lowered(parse(text, **used))
    assert [n.outputs[0].name for n in last_layers(model.graph)] == names


def test_channels_of_a_map_are_the_second_axis() -> None:
    """In the ONNX form a convolution's channels are; a bias that is no row of them is left."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[1,3,4,4] x, float[4,3] z) => (float[1,4,4,4] y, float[4,4] t) {
        y = Conv(x, w, b) t = Gemm(z, v, c) }"""
    shapes = {"w": (4, 3, 1, 1), "b": (4,), "v": (3, 4), "c": (4, 1)}
    model = parse(text, **{n: np.ones(s, np.float32) for n, s in shapes.items()})
    infer(model)
    assert places_of(last_layers(model.graph)) == {"y": 1}


def test_no_last_layer_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("the model was run")

    monkeypatch.setattr(bias_correction, "calibrate", never)
    model = parse("""<ir_version: 10, opset_import: ["" : 21]>
    g (float[2] x) => (float[2] y) { y = Relu(x) }""")
    correct(model, Data("none", 1), {})
