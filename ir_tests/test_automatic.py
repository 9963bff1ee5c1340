"""`auto`: what it takes keeps the limits as measured on the artifact; no candidate is better."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from mmc.cli import main
from mmc.diagnostics import RecipeError, UsageError
from mmc.files import size_of
from mmc.ir import parse, save
from mmc.result import CompileResult

TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,32] x) => (float[1,64] y) {
    a = MatMul(x, first)
    b = Relu(a)
    c = MatMul(b, large)
    d = Relu(c)
    e = MatMul(d, wild)
    f = Relu(e)
    y = MatMul(f, last)
}"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write a model with a layer that 4 bits spoil: columns a thousandth as large matter most."""
    folder = tmp_path_factory.mktemp("auto")
    wild, last = normal(128, 128, seed=3), normal(128, 64, seed=4)
    wild[::2] *= 0.01
    last[:64] *= 10
    arrays = {"first": normal(32, 128, seed=1), "large": normal(128, 128, seed=2)}
    save(parse(TEXT, **arrays, wild=wild, last=last), folder / "m.onnx")
    np.savez(folder / "seen.npz", x=normal(64, 32, seed=5))
    np.savez(folder / "test.npz", x=normal(48, 32, seed=6))
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    patch.delenv("MMC_NO_CACHE", raising=False)
    patch.setattr("mmc.auto.automatic.STEPS", 1)
    yield folder / "m.onnx"
    patch.undo()


def auto(model: Path, **given: str) -> CompileResult:
    folder = model.parent
    return mmc.compile(
        model,
        target="cpu",
        output=folder / "m.tflite",
        calibration=folder / "seen.npz",
        evaluation=folder / "test.npz",
        metric="sqnr",
        **{"weights": "auto", **given},  # type: ignore[arg-type]
    )


def test_the_most_accurate_below_a_size(model: Path) -> None:
    result = auto(model, max_size="40KB")
    assert result.search is not None
    assert result.evaluation is not None
    assert size_of(result.artifact) <= 40_000
    fitting = [t for t in result.search.trials if t.bytes <= 40_000]
    assert len(fitting) > 1
    assert result.evaluation.drop_percent == min(t.drop_percent for t in fitting)
    labels = [t.label for t in result.search.trials]
    assert any(label.startswith("int4 weights") for label in labels)  # uniform ones are tried


def test_the_smallest_within_a_drop(model: Path) -> None:
    result = auto(model, max_drop="1%")
    assert result.search is not None
    assert result.evaluation is not None
    assert result.evaluation.drop_high_percent <= 1
    keeping = [t.bytes for t in result.search.trials if t.drop_high_percent <= 1]
    assert result.bytes == min(keeping)
    assert result.verification is not None
    assert result.verification.passed


def test_what_cannot_be_is_said_with_the_closest(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model.parent
    command = ["compile", str(model), "--target", "cpu", "--weights", "auto", "--quiet"]
    command += ["--calibration", str(folder / "seen.npz"), "-o", str(folder / "n.tflite")]
    assert main([*command, "--max-size", "5KB"]) == 1
    assert re.search(r"(?s)MMC512.*the closest: .* MB, .* % lost", capsys.readouterr().err)
    assert not (folder / "n.tflite").exists()


def test_activations_too(model: Path) -> None:
    result = auto(model, activations="auto", max_drop="5%", weights="int8")
    assert result.search is not None
    kinds = [t.activations for t in result.search.trials]
    assert kinds[0] == "int8"
    assert result.evaluation is not None
    assert result.evaluation.drop_high_percent <= 5


def test_a_killed_search_goes_on(model: Path) -> None:
    folder, cache = model.parent, model.parent / "killed"
    data = f"--calibration {folder / 'seen.npz'} --evaluation {folder / 'test.npz'} --metric sqnr"
    command = [sys.executable, "-m", "mmc", "compile", str(model), "--target", "cpu"]
    command += [*data.split(), "--weights", "auto", "--max-size", "40KB"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    out = folder / "killed.tflite"
    with subprocess.Popen([*command, "-o", str(out)], env=environment) as running:
        end = time.monotonic() + 60
        while len(made := list(cache.rglob("trials/*.json"))) < 2:
            assert running.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        running.kill()
    assert not out.exists()
    before = {file: file.stat().st_mtime_ns for file in made}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        result = auto(model, max_size="40KB")
    assert result.search is not None
    assert len(made) <= result.search.resumed < len(result.search.trials)
    assert {file: file.stat().st_mtime_ns for file in made} == before  # not measured again
    assert len(list(cache.rglob("moments.npz"))) == 1


def test_what_every_trial_would_refuse_is_refused_before_layers_are_measured(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmc.auto.automatic.measure_into", lambda *_: pytest.fail("measured"))
    with pytest.raises(UsageError, match="MMC303") as refusal:
        mmc.compile(
            model,
            target="hexagon_v73",
            weights="auto",
            calibration=model.parent / "seen.npz",
            max_size="1MB",
        )
    assert refusal.value.diagnostics[0].where == "--weights auto"


def test_auto_needs_data(model: Path) -> None:
    with pytest.raises(RecipeError, match="MMC308"):
        mmc.compile(model, target="cpu", weights="auto", output=model.parent / "x.tflite")
