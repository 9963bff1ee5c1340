"""The few weights that make most of the error of 8 bits stay float, with their biases."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmc
from ir_tests.arrays import normal
from mmc.integers import float_weights
from mmc.integers.float_weights import chosen
from mmc.integers.kept_float import CRUDE
from mmc.integers.layers import layers_of
from mmc.integers.weight_codes import QUANTIZED
from mmc.ir import Array, Model, parse, print_ir, save
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.verification.evaluate import run_model

HUGE = 500.0
"""A number of the first weight beside which codes of the others are 0; its input is nearly 0."""
TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[6,32] x) => (float[6,16] y) {
    a = Gemm(x, w1, b1)  p = Mul(a, a)  q = Add(p, tiny)  l = Log(q)
    h = MatMul(l, w2)  r = Relu(h)  y = MatMul(r, w3)
}"""

MIXED = """\
%0: float[6,32] = input
@0: int8[32,16] = const
@1: float[16] = const
%1: float[32,16] = DequantizeLinear(@0, @1) axis=1
@2: int8[48,32] = const
@3: float[32] = const
%2: float[48,32] = DequantizeLinear(@2, @3) axis=1
@4: float[32,48] = const
@5: float[48] = const
%3: float[6,48] = Gemm(%0, @4, @5)
%4: float[6,48] = Mul(%3, %3)
@6: float[1] = const
%5: float[6,48] = Add(%4, @6)
%6: float[6,48] = Log(%5)
%7: float[6,32] = MatMul(%6, %2)
%8: float[6,32] = Relu(%7)
%9: float[6,16] = MatMul(%8, %1)
return %9
"""


def spectrum(huge: float, seed: int = 0) -> Model:
    """Return filters in front of a logarithm, and two more layers."""
    first = normal(32, 48, seed=seed) * np.float32(0.2)
    first[0] = huge
    rest = {"w2": normal(48, 32, seed=seed + 1), "w3": normal(32, 16, seed=seed + 2)}
    tiny = np.array([1e-4], np.float32)
    return parse(TEXT, w1=first, b1=normal(48, seed=seed + 3) / 50, tiny=tiny, **rest)


def data(folder: Path, count: int = 16, seed: int = 9) -> str:
    """Write samples whose first number is next to nothing."""
    drawn = normal(count, 6, 32, seed=seed)
    drawn[..., 0] *= 1e-4
    np.savez(folder / "d.npz", x=drawn)
    return str(folder / "d.npz")


def decibels(expected: Array, actual: Array) -> float:
    """Return the signal to noise."""
    return float(10 * np.log10((expected**2).sum() / ((actual - expected) ** 2).sum()))


def signal(model: Model, folder: Path, huge: float) -> float:
    """Return a model's signal to noise on inputs that it was not calibrated on."""
    with np.load(data(folder, seed=77)) as file:
        fed = file["x"]
    plain = spectrum(huge)
    found = [[run_model(m, {"x": x})["y"] for x in fed] for m in (plain, model)]
    return decibels(*map(np.stack, found))


def test_a_weight_that_ruins_a_third_of_the_samples_stays_float(tmp_path: Path) -> None:
    """The first number, times the huge weight, hides the codes of the others in most samples."""
    drawn = normal(16, 6, 32, seed=9)
    drawn[..., 0] = 1.0
    drawn[::3, :, 0] = 1e-4
    np.savez(tmp_path / "d.npz", x=drawn)
    model = spectrum(HUGE)
    QuantizeWeights(calibration=str(tmp_path / "d.npz"), least_db=30.0).run(model)
    assert print_ir(model) == MIXED


def test_filters_in_front_of_a_logarithm_stay_float(tmp_path: Path) -> None:
    found = {}
    for least in (0.0, 30.0):
        model = spectrum(HUGE)
        made = QuantizeWeights(calibration=data(tmp_path), least_db=least).run(model)
        found[made] = signal(model, tmp_path, HUGE)
        floats = {layer.value.name for layer in layers_of(model.graph)}
        assert floats == (set() if not least else {"w1"})
    assert [*found] == [3, 2]
    assert found[3] < 10
    assert found[2] > 30


def test_the_mixed_model_in_text(tmp_path: Path) -> None:
    model = spectrum(HUGE)
    QuantizeWeights(calibration=data(tmp_path), least_db=30.0).run(model)
    assert print_ir(model) == MIXED


@pytest.mark.parametrize("least", [0.0, 25.0])
def test_what_codes_serve_well_gets_them(tmp_path: Path, least: float) -> None:
    """They leave 26 dB of the worst sample."""
    texts = []
    for bound in (0.0, least):
        model = spectrum(0.2)
        assert QuantizeWeights(calibration=data(tmp_path), least_db=bound).run(model) == 3
        texts.append(print_ir(model, digests=True))
    assert texts[0] == texts[1]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_what_is_released_is_what_it_was(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Weight and bias are the same floats: with all released, so are the outputs."""
    folder = tmp_path_factory.mktemp("d")
    model, x = spectrum(HUGE, seed), normal(6, 32, seed=seed)
    before = run_model(model, {"x": x})["y"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mmc.passes.quantize_weights.costly", lambda f, m, weights, *_: weights)
        assert QuantizeWeights(calibration=data(folder), least_db=30.0).run(model) == 0
    assert not any(QUANTIZED in node.metadata_props for node in model.graph)
    assert np.array_equal(run_model(model, {"x": x})["y"], before)


def test_the_report_says_why(tmp_path: Path) -> None:
    save(spectrum(HUGE), tmp_path / "m.onnx")
    given = {"weights": "int8", "activations": "int16", "calibration": data(tmp_path)}
    made = mmc.compile(
        tmp_path / "m.onnx", target="hexagon_v73", output=tmp_path / "m.tflite", **given
    )
    assert CRUDE in [kept.why for kept in made.kept_float]


def additive(parts: list[float]) -> object:
    """Return the error where those of weights with codes add up."""

    def error(floats: Collection[int]) -> float:
        return sum(part for i, part in enumerate(parts) if i not in floats)

    return error


PARTS, BYTES = [0.3, 0.001, 0.2, 0.001], [(1000, 3000)] * 4


def test_the_costliest_stay_float_until_the_rest_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(additive(PARTS), BYTES, 1.0) == []
    assert chosen(additive(PARTS), BYTES, 0.25) == [0]
    assert chosen(additive(PARTS), BYTES, 0.01) == [0, 2]
    assert chosen(additive(PARTS), BYTES, 1e-9) == [0, 2]  # the rest is below the mean part
    assert chosen(additive([0.3]), BYTES[:1], 0.01) == [0]
    assert chosen(additive([]), [], 0.01) == []
    sizes = [(10_000, 200_000), *BYTES[1:]]  # floats of the first would be most of the file
    assert chosen(additive(PARTS), sizes, 0.01) == []
    assert chosen(additive([0.1, 0.001, 0.3, 0.001]), sizes, 0.01) == [2]
    monkeypatch.setattr(float_weights, "SMALL", 3500)
    assert chosen(additive(PARTS), BYTES, 0.01) == [0]
    assert chosen(additive([0.2, 0.2, 0.2, 0.2]), BYTES, 0.01) == []  # gains too little
