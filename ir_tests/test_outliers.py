"""`--outliers`: a range is clipped where the outputs gain by it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from mmc.backends.tflite.run import opened
from mmc.cli import main
from mmc.ir import Array, parse, save

TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,16] x) => (float[1,24] y) {
    a = MatMul(x, first)
    b = Relu(a)
    y = MatMul(b, last)
}"""
SPIKE = 40.0
"""How far the one hidden channel goes, which is read by nothing or by everything."""


def inputs(count: int, seed: int) -> Array:
    """Return samples; uniform: what comes later is hardly outside of what was seen."""
    return np.random.default_rng(seed).uniform(-1, 1, (count, 1, 16)).astype(np.float32)


def written(folder: Path, read: float) -> Path:
    """Write a model with a channel of outliers, whose readers have weights times `read`."""
    first, last = normal(16, 64, seed=0), normal(64, 24, seed=1)
    first[:, 0] *= SPIKE
    last[0] *= read
    save(parse(TEXT, first=first, last=last), folder / "m.onnx")
    np.savez(folder / "w.npz", first=first, last=last)
    np.savez(folder / "d.npz", x=inputs(1000, seed=2))
    return folder / "m.onnx"


def decibels(model: Path, outliers: str) -> float:
    """Return the artifact's signal to noise over samples that no calibration saw."""
    artifact = mmc.compile(
        model,
        target="cpu",
        output=model.parent / f"{outliers}.tflite",
        weights="int8",
        activations="int8",
        calibration=model.parent / "d.npz",
        outliers=outliers,
        verify=False,
    ).artifact
    run, fed = opened(artifact), inputs(40, seed=3)
    with np.load(model.parent / "w.npz") as w:
        right = np.maximum(fed @ w["first"], 0) @ w["last"]
    off = np.stack([run({"x": x})["y"] for x in fed]) - right
    return float(10 * np.log10((right**2).sum() / (off**2).sum()))


def test_what_no_output_needs_is_clipped(tmp_path: Path) -> None:
    model = written(tmp_path, read=0.0)
    # an eighth of the range is enough for all others: up to 18 dB more of their own noise
    assert decibels(model, "auto") > decibels(model, "none") + 10


def test_what_outputs_live_on_is_not(tmp_path: Path) -> None:
    model = written(tmp_path, read=1.0)
    found = {word: decibels(model, word) for word in ("none", "clip", "auto")}
    assert found["auto"] >= found["none"] - 0.5
    assert found["clip"] != found["none"]  # it is forced, whatever it does


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = written(tmp_path, read=0.0)
    command = ["compile", str(model), "--target", "cpu", "--weights", "int8", "--quiet"]
    command += ["--activations", "int8", "--calibration", str(tmp_path / "d.npz")]
    assert main([*command, "-o", str(tmp_path / "o.tflite"), "--outliers", "auto"]) == 0
    assert main([*command, "--outliers", "some"]) == 2
    assert "none, clip, auto" in capsys.readouterr().err
