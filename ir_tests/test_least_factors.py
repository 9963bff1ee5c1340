"""Channels whose weights are next to nothing, beside 16-bit activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from ir_tests.lowering import oracle
from mmc.backends.tflite.backend import TfliteBackend
from mmc.integers.biases import LEAST_FACTOR
from mmc.ir import Array, Model, parse, save
from mmc.shapes import infer

TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[4,64] x) => (float[4,20] y) { a = MatMul (x, w) y = Add (a, b) }"""
SIZES = np.float32(10) ** -np.arange(20, dtype=np.float32)
"""Of the channels: from the largest to what no code of the result tells from 0."""


def layer(bias: Array) -> Model:
    model = parse(TEXT, w=normal(64, 20) / 8 * SIZES, b=bias)
    infer(model)
    return model


def compiled(model: Model, folder: Path) -> Path:
    save(model, folder / "m.onnx")
    np.savez(folder / "d.npz", x=normal(16, 4, 64, seed=3))
    made = mmc.compile(
        folder / "m.onnx",
        target="hexagon_v73",
        output=folder / "m.tflite",
        weights="int8",
        activations="int16",
        calibration=folder / "d.npz",
    )
    return made.artifact


BIASES = {
    "none": np.zeros(20, np.float32),
    "some": normal(20, seed=5),
    "as small": normal(20, seed=5) * SIZES,
}


@pytest.mark.parametrize("bias", BIASES.values(), ids=BIASES)
def test_no_factor_is_below_the_least(bias: Array, tmp_path: Path) -> None:
    """Of the numbers of each channel nothing is lost that codes of the result would tell."""
    model = layer(bias)
    artifact = compiled(model, tmp_path)
    program = TfliteBackend.read(artifact)
    (op,) = [op for op in program.operators if op.code == "FULLY_CONNECTED"]
    x, w, y = (program.tensors[i].quantization for i in (*op.inputs[:2], op.outputs[0]))
    assert x is not None
    assert w is not None
    assert y is not None
    assert (x.scale * w.scale / y.scale >= LEAST_FACTOR * (1 - 1e-6)).all()
    feeds = {"x": normal(4, 64, seed=9)}
    off = np.abs(mmc.run(artifact, feeds)["y"] - oracle(model, feeds)["y"]).max(axis=0)
    assert (off[5:] <= 1.01 * y.scale).all()


@pytest.mark.vendor
@pytest.mark.parametrize("bias", BIASES.values(), ids=BIASES)
def test_the_emulator_agrees(bias: Array, tmp_path: Path) -> None:
    """It made the largest code of channels below 1e-4 of the largest one."""
    artifact, feeds = compiled(layer(bias), tmp_path), {"x": normal(4, 64, seed=9)}
    here, there = (mmc.run(artifact, feeds, on=place)["y"] for place in ("host", "hexagon_v73"))
    assert np.abs(here - there).max() < 0.001 * np.abs(here).max()
