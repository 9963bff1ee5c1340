"""Sensitivity: each cell is what ONNX Runtime says of the model with that one layer rounded."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import mmc
from mmc.cli import main
from mmc.diagnostics import RecipeError
from mmc.ir import Array, parse, save
from mmc.reports.plot import scatter

TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,16] x) => (float[1,24] y) {
    a = MatMul(x, first)
    b = Relu(a)
    c = MatMul(b, middle)
    d = Relu(c)
    y = MatMul(d, last)
}"""
SIZES = {"first": (16, 64), "middle": (64, 64), "last": (64, 24)}


def weights() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    return {n: rng.standard_normal(s).astype(np.float32) for n, s in SIZES.items()}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Write a model and data; the cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MMC_NO_CACHE", raising=False)
    save(parse(TEXT, **weights()), tmp_path / "m.onnx")
    data = np.random.default_rng(1).standard_normal((40, 16)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=data)
    return tmp_path / "m.onnx", tmp_path / "d.npz"


def forward(x: Array, w: dict[str, Array]) -> Array:
    hidden = np.maximum(np.maximum(x @ w["first"], 0) @ w["middle"], 0)
    return np.asarray(hidden @ w["last"])


def gptq(weight: Array, x: Array) -> Array:
    """Return a (K, O) weight in 127 steps a column, for inputs (N, K): GPTQ as its paper says it.

    Inputs one after the other, the largest first; each time the inverse of what is left of the
    damped Hessian says how the other inputs' weights make up for the rounding (equations 2 and 3).
    Then every column's step becomes that of least squared error of its output.
    """
    scale = np.abs(weight).max(axis=0) / 127
    h = (x.T @ x).astype(np.float64)
    h += 0.01 * np.diag(h).mean() * np.eye(len(h))
    left, made = weight.astype(np.float64), np.zeros(weight.shape)
    free = list(np.argsort(-np.diag(h), kind="stable"))
    inverse = np.linalg.inv(h)
    while free:
        q = free.pop(0)
        made[q] = np.rint(left[q] / scale).clip(-127, 127) * scale
        error = (left[q] - made[q]) / inverse[q, q]
        left[free] -= inverse[free, q][:, None] * error
        inverse = inverse - np.outer(inverse[:, q], inverse[q]) / inverse[q, q]
    gain = ((x @ weight) * (x @ made)).sum(axis=0) / ((x @ made) ** 2).sum(axis=0)
    return (made * gain).astype(np.float32)


def test_a_cell_is_the_error_of_one_rounded_layer(files: tuple[Path, Path]) -> None:
    model, data = files
    found = mmc.sensitivity(model, calibration=data)
    assert [layer.shape for layer in found.layers] == list(SIZES.values())
    seen, w = np.load(data)["x"], weights()
    first = np.maximum(seen @ w["first"], 0)
    read = {"first": seen, "middle": first, "last": np.maximum(first @ w["middle"], 0)}
    for name, layer in zip(SIZES, found.layers, strict=True):
        changed = {**w, name: gptq(w[name], read[name])}
        errors = []
        for x in seen[:32]:
            right, got = forward(x, w), forward(x, changed)
            errors.append(((got - right) ** 2).sum() / (right**2).sum())
        cell = layer.cell(8)
        assert cell is not None
        assert cell.error == pytest.approx(np.mean(errors), rel=0.01)
        assert [c.bits for c in layer.cells] == [8, 4, 2]
        assert layer.cells[0].error < layer.cells[1].error < layer.cells[2].error
        assert layer.cells[0].bytes > layer.cells[1].bytes > layer.cells[2].bytes


def test_an_interrupted_run_goes_on(files: tuple[Path, Path]) -> None:
    model, data = files
    first = mmc.sensitivity(model, calibration=data)
    kept = next((data.parent / "cache").rglob("cells.jsonl"))
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join(lines[:4]) + lines[4][:7])  # killed while it wrote the fifth
    second = mmc.sensitivity(model, calibration=data)
    assert second.from_cache == 4
    cells = [[c for layer in found.layers for c in layer.cells] for found in (first, second)]
    assert cells[0][:4] == cells[1][:4]  # kept, not measured again
    errors = [[c.error for c in some] for some in cells]
    assert errors[0] == pytest.approx(errors[1], rel=1e-4)  # rounding of sums differs by run
    assert mmc.sensitivity(model, calibration=data).from_cache == 9


def test_other_data_is_measured_anew(files: tuple[Path, Path]) -> None:
    model, data = files
    mmc.sensitivity(model, calibration=data)
    np.savez(data, x=np.ones((3, 16), np.float32))
    found = mmc.sensitivity(model, calibration=data)
    assert (found.from_cache, found.samples) == (0, 3)


def test_the_command_prints_writes_and_draws(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = files
    picture = data.parent / "s.svg"
    command = ["sensitivity", str(model), "--calibration", str(data), "--quiet"]
    assert main([*command, "--report", str(picture)]) == 0
    circles = ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}circle")
    assert len(list(circles)) == 9
    assert main(command[:-1]) == 0
    assert "3 layers, 32 samples" in capsys.readouterr().out
    assert main([*command[:-1], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "mmc.sensitivity/1"


def test_in_a_targets_form(files: tuple[Path, Path]) -> None:
    model, data = files
    found = mmc.sensitivity(model, calibration=data, target="cpu")
    assert {layer.op for layer in found.layers} == {"Linear"}


@pytest.mark.parametrize(
    ("code", "extra"),
    [("MMC308", []), ("MMC007", ["--calibration", "none.npz"]), ("MMC003", ["--report", "a.txt"])],
)
def test_what_is_missing_is_said(
    code: str, extra: list[str], files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sensitivity", str(files[0]), *extra]) == 2
    assert code in capsys.readouterr().err


def test_a_quantized_model_is_refused(files: tuple[Path, Path]) -> None:
    model, data = files
    output = data.parent / "q.onnx"
    assert mmc.quantize(model, output=output, weights="int8") == 3
    with pytest.raises(RecipeError, match="MMC308"):
        mmc.sensitivity(output, calibration=data)


def test_a_plot_escapes_names() -> None:
    text = scatter({"<b>": [(0.0, 1.0, "a&b"), (1.0, float("inf"), "none")]}, "x", "y")
    assert "<b>" not in text
    assert len(list(ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}circle"))) == 1
