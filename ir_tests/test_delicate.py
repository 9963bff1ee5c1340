"""What codes would ruin stays float, and floats are read as floats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from ir_tests.lowering import oracle
from ir_tests.quantizing import quantized
from mmc.integers.delicate import exact
from mmc.integers.integer_ops import INTEGER
from mmc.ir import parse, save
from mmc.passes.quantize_activations import QuantizeActivations
from mmc.shapes import infer
from mmc.verification.evaluate import compare

NORMALIZED = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[6,64] x) => (float[6,64] y) {
        r = Add (x, b0)
        m = ReduceMean <keepdims = 1> (r, axis)
        c = Sub (r, m)
        q = Mul (c, c)
        v = ReduceMean <keepdims = 1> (q, axis)
        e = Add (v, eps)
        s = Sqrt (e)
        n = Div (c, s)
        g = Mul (n, gain)
        h = Add (g, bias)
        y = Relu (h)
    }"""


@pytest.mark.parametrize("bits", [8, 16])
def test_a_normalization_is_not_ruined_by_codes(bits: int, tmp_path: Path) -> None:
    """Rows of very different size: in codes of one step the variance of the small ones is 0."""
    size = np.array([1e-3, 1e-2, 0.1, 1, 10, 30], np.float32)[:, None]
    eps, axis = np.array([1e-12], np.float32), np.array([1])
    constants = {"b0": np.zeros(64, np.float32), "gain": normal(64), "bias": normal(64, seed=1)}
    model = parse(NORMALIZED, eps=eps, axis=axis, **constants)
    infer(model)
    data = normal(8, 6, 64) * size
    np.savez(tmp_path / "n.npz", x=data)
    QuantizeActivations(bits=bits, calibration=str(tmp_path / "n.npz")).run(model)
    assert [n.op_type for n in model.graph if INTEGER in n.metadata_props] == ["Relu"]
    x = data[0].astype(np.float64)
    c = x - x.mean(1, keepdims=True)
    normed = c / np.sqrt((c**2).mean(1, keepdims=True))
    expected = np.maximum(normed * constants["gain"] + constants["bias"], 0)
    found = compare("y", expected.astype(np.float32), oracle(model, {"x": data[0]})["y"])
    assert found.sqnr_db > {8: 36, 16: 75}[bits]  # a step of 8 bits is 1/20 of the rms here


def test_floats_in_front_of_integers_stay_exact_for_floats(tmp_path: Path) -> None:
    """Sin reads what Exp makes, not the codes that Relu needs of it."""
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[4,8] x) => (float[4,8] y, float[4,8] z, float[4,8] a) {
            a = Exp (x)  y = Relu (a)  z = Sin (a)
        }"""
    )
    x = normal(4, 8)
    quantized(model, 8, tmp_path)
    made = oracle(model, {"x": x})
    np.testing.assert_allclose(made["a"], np.exp(x), rtol=1e-6)
    np.testing.assert_allclose(made["z"], np.sin(np.exp(x)), rtol=1e-4, atol=1e-5)


def test_what_is_cast_to_whole_numbers_stays_float() -> None:
    """A code of 3 is 2.9999 in floats, and the place of what is read the one before."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[4] x) => (int64[4] i, float[4] y) {
        one = Constant<value = float {1}>()
        two = Constant<value = float {2}>()
        scaled = Mul(x, two)
        low = Floor(scaled)
        part = Sub(scaled, low)
        next = Add(low, one)
        bounded = Min(next, two)
        i = Cast<to = 7>(bounded)
        y = Mul(part, two)
    }"""
    model = parse(text)
    infer(model)
    found = {n.outputs[0].name for n in exact(model.graph) if n.op_type != "Constant"}
    assert found == {"next", "bounded", "i"}


@pytest.mark.parametrize("target", ["cpu", "hexagon_v73", "ane_ios18"])
def test_a_tree_counts_its_splits_without_codes(target: str, tmp_path: Path) -> None:
    """What is compared for equality is exact: else no leaf is reached, or all of them."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[40,1] x) => (float[40,3] y) {
        above = Greater (x, limits)
        taken = Cast <to = 1> (above)
        count = MatMul (taken, ways)
        hit = Equal (count, needed)
        leaf = Cast <to = 1> (hit)
        y = MatMul (leaf, given)
    }"""
    splits = 5
    constants = {  # leaf l is behind l splits that hold and one that does not
        "limits": np.linspace(-1, 1, splits, dtype=np.float32),
        "ways": np.triu(np.ones((splits, splits + 1)), 1).astype(np.float32)
        - np.eye(splits, splits + 1, dtype=np.float32),
        "needed": np.arange(splits + 1, dtype=np.float32),
        "given": normal(splits + 1, 3),
    }
    model = parse(text, **constants)
    save(model, tmp_path / "m.onnx")
    x = normal(40, 1)
    np.savez(tmp_path / "c.npz", x=normal(8, 40, 1, seed=1))
    out = tmp_path / ("m.mlpackage" if target.startswith("ane") else "m.tflite")
    options = {"weights": "int8", "activations": "int8", "calibration": tmp_path / "c.npz"}
    mmc.compile(tmp_path / "m.onnx", target=target, output=out, **options)
    step = np.abs(constants["given"]).max() / 127
    expected, found = oracle(model, {"x": x})["y"], mmc.run(out, {"x": x})["y"]
    np.testing.assert_allclose(found, expected, atol=step)


def test_nothing_is_joined_by_codes(tmp_path: Path) -> None:
    """Exporters pad by a size that is 0: a Concat with an empty constant has no range of it."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[2,8] x) => (float[2,8] y) {
        a = MatMul (x, w)  b = Relu (a)  c = Concat <axis = 1> (b, none)  y = MatMul (c, w) }"""
    model = parse(text, w=normal(8, 8), none=np.zeros((2, 0), np.float32))
    save(model, tmp_path / "m.onnx")
    np.savez(tmp_path / "c.npz", x=normal(16, 2, 8))
    options = {"weights": "int8", "activations": "int8", "calibration": tmp_path / "c.npz"}
    out = tmp_path / "m.tflite"
    mmc.compile(tmp_path / "m.onnx", target="hexagon_v73", output=out, **options)
    x = normal(2, 8)
    expected = oracle(model, {"x": x})["y"]
    assert compare("y", expected, mmc.run(out, {"x": x})["y"]).sqnr_db > 25
