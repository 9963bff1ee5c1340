"""Half-precision weights: smaller, within float16's rounding, refused beyond its range."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import mmc
from mmc.ir import Model, parse, save
from mmc.pass_manager import PassManager
from mmc.passes.halve_weights import HalveWeights
from mmc.shapes import infer
from mmc.verification.evaluate import run_model

TEXT = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[4,32] x) => (float[4,32] y) { y = MatMul(x, w) }"""


def model_of(scale: float) -> Model:
    w = np.random.default_rng(0).standard_normal((32, 32)).astype(np.float32) * np.float32(scale)
    model = parse(TEXT, w=w)
    infer(model)
    return model


def test_weights_are_rounded_to_half() -> None:
    model = model_of(1)
    x = np.random.default_rng(1).standard_normal((4, 32)).astype(np.float32)
    w = model.graph.initializers["w"].const_value.numpy()  # type: ignore[union-attr]
    assert PassManager([HalveWeights()]).run(model)[0].changes == 1
    expected = x @ w.astype(np.float16).astype(np.float32)
    np.testing.assert_allclose(run_model(model, {"x": x})["y"], expected, rtol=1e-5, atol=1e-5)
    assert HalveWeights().run(model) == 0


def test_weights_beyond_the_range_stay() -> None:
    assert HalveWeights().run(model_of(1e6)) == 0


def test_the_artifact_is_half_the_size(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    save(model_of(1), path)
    sizes = {}
    for kind in ("float32", "float16"):
        result = mmc.compile(path, target="cpu", output=tmp_path / f"{kind}.tflite", weights=kind)
        sizes[kind] = result.artifact.stat().st_size
    assert sizes["float32"] - sizes["float16"] > 32 * 32 * 2 - 512


def test_a_weight_that_is_an_output_too(tmp_path: Path) -> None:
    """LiteRT takes an unpacked constant for a weight of its own: as an output it has no memory."""
    w = np.random.default_rng(0).standard_normal((32, 32)).astype(np.float32)
    text = """<ir_version: 13, opset_import: ["" : 25]>
        g (float[4,32] x) => (float[4,32] y, float[32,32] v) {
            y = MatMul(x, w)  v = Identity(w) }"""
    save(parse(text, w=w), tmp_path / "m.onnx")
    result = mmc.compile(
        tmp_path / "m.onnx", target="cpu", output=tmp_path / "m.tflite", weights="float16"
    )
    v = mmc.run(result.artifact, {"x": np.zeros((4, 32), np.float32)})["v"]
    np.testing.assert_array_equal(v, w.astype(np.float16).astype(np.float32))
