"""What a model computes where every float is rounded to float16, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from mmc.diagnostics import Severity
from mmc.ir import Array, Model, parse, save
from mmc.shapes import infer
from mmc.verification.half_results import run

HEADER = '<ir_version: 10, opset_import: ["" : 21]> '
LAYER = "g (float[4,64] x) => (float[4,8] y) { a = MatMul (x, w) b = Add (a, v) y = Relu (b) }"
LARGE = "g (float[4,8] x) => (float[4,8] y) { a = Mul (x, c) b = Mul (a, a) y = Div (b, d) }"
SMALL = np.float32(1e-4)


def half(array: Array) -> Array:
    """Return float32 numbers rounded to float16, which end at its largest."""
    return np.clip(array, -65504, 65504).astype(np.float16).astype(np.float32)


def written(text: str, folder: Path, **arrays: Array) -> Path:
    model: Model = parse(HEADER + text, **arrays)
    infer(model)
    save(model, folder / "m.onnx")
    return folder / "m.onnx"


def test_every_result_and_constant_is_rounded(tmp_path: Path) -> None:
    x, w, v = normal(4, 64), normal(64, 8, seed=1), normal(8, seed=2)
    found = run(written(LAYER, tmp_path, w=w, v=v), {"x": x})["y"]
    products = half(half(x) @ half(w))
    wanted = np.maximum(half(products + half(v)), 0)
    assert np.abs(found - wanted).max() <= 2.0**-6  # sums in another order may round apart
    assert np.mean(found == wanted) > 0.9
    assert np.array_equal(found, half(found))


def test_what_is_beyond_becomes_the_end(tmp_path: Path) -> None:
    x, c, d = np.full((4, 8), 3, np.float32), np.full(1, 200, np.float32), np.full(1, 2, np.float32)
    found = run(written(LARGE, tmp_path, c=c, d=d), {"x": x})["y"]
    assert np.array_equal(found, np.full((4, 8), 65504 / 2, np.float32))


def test_codes_are_not_rounded(tmp_path: Path) -> None:
    """What stands between QuantizeLinear and DequantizeLinear are whole numbers."""
    text = """g (float[4,8] x) => (float[4,8] y) {
        q = QuantizeLinear (x, s) y = DequantizeLinear (q, s) }"""
    x, s = normal(4, 8), np.float32(0.0123)
    found = run(written(text, tmp_path, s=np.asarray(s)), {"x": x})["y"]
    assert np.array_equal(found, np.clip(np.rint(x / s), 0, 255).astype(np.float32) * s)


def compiled(folder: Path, scale: float, target: str, **options: Any) -> mmc.CompileResult:
    """Compile y = sin(scale x), of which float16 leaves nothing where scale x is above 2048."""
    text = "g (float[4,64] x) => (float[4,64] y) { a = Mul (x, c) y = Sin (a) }"
    model = written(text, folder, c=np.full(1, scale, np.float32))
    inputs = {"x": np.abs(normal(4, 64)) + np.float32(0.5)}
    output = folder / "m.tflite"
    return mmc.compile(model, target=target, output=output, inputs=inputs, **options)


@pytest.mark.parametrize(
    ("scale", "target", "severity"),
    [
        (3000.0, "hexagon_v73", Severity.WARNING),
        (30.0, "hexagon_v73", Severity.NOTE),
        (1.0, "hexagon_v73", None),
        (3000.0, "hexagon_v68", None),
        (3000.0, "cpu", None),
    ],
)
def test_what_float16_loses_is_told(
    scale: float, target: str, severity: Severity | None, tmp_path: Path
) -> None:
    found = compiled(tmp_path, scale, target)
    told = [d for d in found.diagnostics if d.code == "MMC426"]
    assert [d.severity for d in told] == ([] if severity is None else [severity])
    assert found.verification is not None
    (output,) = found.verification.outputs
    assert (output.half is not None) == (target == "hexagon_v73")


@pytest.mark.vendor
@pytest.mark.parametrize("scale", [1.0, 30.0, 300.0])
def test_the_emulator_loses_as_much(scale: float, tmp_path: Path) -> None:
    """The vendor's own arithmetic: as little is left of it, within 12 dB."""
    found = compiled(tmp_path, scale, "hexagon_v73", verify_on="htp")
    assert found.verification is not None
    (output,) = found.verification.outputs
    assert output.half is not None
    assert output.emulated is not None
    assert abs(output.half.sqnr_db - output.emulated.sqnr_db) < 12
