"""Recurrent layers of standard ONNX have integer weights too: a scale a gate's channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

import mmc
from ir_tests.arrays import normal
from ir_tests.test_quantize_onnx import outputs
from mmc.integers.recipe import read_recipe
from mmc.ir import Array, Model, constant, parse, print_ir, save
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.quant.metrics import sqnr_db
from mmc.verification.evaluate import run_model

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
HIDDEN, WIDTH = 40, 48
TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[5,2,48] x) => (float[5,N,2,40] y) {
    y = KIND <hidden_size = 40, direction = "WAY"> (x, w, r, b) }"""
QUANTIZED = """\
%0: float[5,2,48] = input
@0: int8[1,120,40] = const
@1: float[120] = const
%1: float[1,120,40] = DequantizeLinear(@0, @1) axis=1
@2: int8[1,120,48] = const
@3: float[120] = const
%2: float[1,120,48] = DequantizeLinear(@2, @3) axis=1
@4: float[1,240] = const
%3: float[5,1,2,40] = GRU(%0, %2, %1, @4) direction="forward" hidden_size=40
return %3
"""


def layer(kind: str, ways: int = 1, seed: int = 0) -> Model:
    """Return one recurrent layer, in one direction or two."""
    rows = GATES[kind] * HIDDEN
    way = {1: "forward", 2: "bidirectional"}[ways]
    text = TEXT.replace("KIND", kind).replace("N,", f"{ways},").replace("WAY", way)
    arrays = {"w": (rows, WIDTH), "r": (rows, HIDDEN), "b": (2 * rows,)}
    return parse(
        text,
        **{n: normal(ways, *s, seed=seed + i) / 4 for i, (n, s) in enumerate(arrays.items())},
    )


def test_a_layer_in_text() -> None:
    model = layer("GRU")
    assert QuantizeWeights().run(model) == 2
    assert print_ir(model) == QUANTIZED


@settings(max_examples=20, deadline=None)
@given(
    kind=st.sampled_from(sorted(GATES)),
    ways=st.sampled_from([1, 2]),
    bits=st.sampled_from([8, 4, 2]),
    seed=st.integers(0, 1000),
)
def test_codes_are_what_the_layer_computes_with(kind: str, ways: int, bits: int, seed: int) -> None:
    """ONNX Runtime makes of the codes what it makes of the floats that numpy says they are."""
    model, plain = layer(kind, ways, seed), layer(kind, ways, seed)
    assert QuantizeWeights(bits=bits, sensitive_bits=bits).run(model) == 2
    (node,) = (n for n in model.graph if n.op_type == kind)
    for place, name in ((1, "w"), (2, "r")):
        read = node.inputs[place]
        assert read is not None
        codes, scale = (constant(v) for v in read.producer().inputs)  # type: ignore[union-attr]
        assert codes is not None
        assert scale is not None
        values = codes.astype(np.float32) * scale[None, :, None]
        weight = constant(plain.graph.initializers[name])
        assert weight is not None
        if bits == 8:  # the exact range, rounded to the nearest
            peak = np.abs(weight).max(axis=(0, 2))
            np.testing.assert_allclose(scale, peak / 127, rtol=1e-6)
            assert (np.abs(values - weight) <= scale[None, :, None] * 0.5001).all()
        plain.graph.initializers[name].const_value = type(
            plain.graph.initializers[name].const_value
        )(values)
    x = {"x": normal(5, 2, WIDTH, seed=seed + 9)}
    np.testing.assert_allclose(run_model(model, x)["y"], run_model(plain, x)["y"], atol=2e-6)


def test_a_command_writes_them(tmp_path: Path) -> None:
    model, made = tmp_path / "m.onnx", tmp_path / "q.onnx"
    save(layer("LSTM", 2), model)
    assert mmc.quantize(model, output=made, weights="int8") == 2
    proto = onnx.load(made)
    onnx.checker.check_model(proto, full_check=True)
    kinds = [numpy_helper.to_array(t).dtype for t in proto.graph.initializer]
    assert kinds.count(np.dtype(np.int8)) == 2
    assert made.stat().st_size < model.stat().st_size / 3
    x: Array = normal(5, 2, WIDTH, seed=3)
    assert sqnr_db(outputs(model, x), outputs(made, x)) > 30


def test_weights_that_are_computed_stay(tmp_path: Path) -> None:
    text = TEXT.replace("float[5,2,48] x", "float[5,2,48] x, float[1,160,48] w")
    text = text.replace("KIND", "LSTM").replace("N,", "1,").replace("WAY", "forward")
    model = parse(text, r=normal(1, 160, 40), b=normal(1, 320))
    before = print_ir(model)
    assert QuantizeWeights().run(model) == 1
    assert "DequantizeLinear" in print_ir(model)
    assert print_ir(model) != before
    assert "w" in [v.name for v in model.graph.inputs]


def test_what_integers_make_no_smaller_stays() -> None:
    text = TEXT.replace("48", "4").replace("40", "3")
    text = text.replace("KIND", "RNN").replace("N,", "1,").replace("WAY", "forward")
    model = parse(text, w=normal(1, 3, 4), r=normal(1, 3, 3), b=normal(1, 6))
    before = print_ir(model)
    assert QuantizeWeights().run(model) == 0
    assert print_ir(model) == before


@pytest.mark.parametrize("rule", ['op = "LSTM"', 'name = "r"'])
def test_a_rule_of_a_recipe_is_for_both_weights(rule: str, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(f'weights = "int8"\n[[rule]]\n{rule}\nweights = "float32"\n')
    assert read_recipe(str(tmp_path / "r.toml"))
    assert QuantizeWeights(recipe=str(tmp_path / "r.toml")).run(layer("LSTM")) == 0


def test_one_of_both_weights_can_stay_float(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = layer("LSTM")
    np.savez(tmp_path / "d.npz", x=normal(4, 5, 2, WIDTH))
    monkeypatch.setattr("mmc.passes.quantize_weights.costly", lambda f, m, weights, *_: weights[:1])
    made = QuantizeWeights(calibration=str(tmp_path / "d.npz"), least_db=30.0).run(model)
    assert made == 1
    (node,) = (n for n in model.graph if n.op_type == "LSTM")
    assert constant(node.inputs[1]) is not None
    assert constant(node.inputs[2]) is None  # unpacked from codes
