"""Budgets: every line is checked, and a metric is what its definition says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

import golden_models
import mmc
from mmc.budget import UNITS, read_budget
from mmc.cli import main
from mmc.diagnostics import MmcError

MODEL = golden_models.path("digits_vqa_vision")
SHAPES = {"image": (1, 1, 28, 56)}
COMMAND = ["compile", str(MODEL), "--input-shape", "image:1,1,28,56", "--no-verify"]
GENEROUS = """
max_size = "3MB"
max_latency = "0.1s"
max_memory = "1 GB"
max_battery = "2.5%"
inferences_per_second = 10
"""


def written(folder: Path, text: str) -> str:
    """Return a budget file."""
    path = folder / "budget.toml"
    path.write_text(text)
    return str(path)


def test_every_unit_is_read(tmp_path: Path) -> None:
    budget = read_budget(written(tmp_path, GENEROUS))
    expected = {"max_size": 3e6, "max_latency": 100.0, "max_memory": 1e9, "max_battery": 2.5}
    assert budget.limits == pytest.approx(expected)
    assert budget.inferences_per_second == 10


@pytest.mark.parametrize(
    "text",
    [
        "max_size = ",
        "max-size = '3MB'",
        "max_size = 3",
        "max_size = '3 horses'",
        "max_size = '-3MB'",
        "max_latency = '3MB'",
        "max_size = ['3MB']",
        "[max_size]\nlimit = '3MB'",
        "max_size = true",
        "inferences_per_second = 3",
        "max_battery = '1%'\ninferences_per_second = nan",
        "max_battery = '1%'\ninferences_per_second = true",
        "# nothing",
        "\x00",
    ],
)
def test_a_malformed_budget_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, text)
    assert main([*COMMAND, "--target", "hexagon_v75", "--budget", path]) == 2
    assert "MMC511" in capsys.readouterr().err


def test_a_missing_budget_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MmcError, match="MMC511"):
        read_budget(tmp_path / "none.toml")


def test_a_kept_budget_is_shown_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact, report = tmp_path / "m.tflite", tmp_path / "r.json"
    budget = written(tmp_path, GENEROUS)
    out = ["-o", str(artifact), "--report", str(report), "--budget", budget]
    assert main([*COMMAND, "--target", "hexagon_v75", *out]) == 0
    assert capsys.readouterr().out.count(" kept ") == 4
    told = json.loads(report.read_text())
    lines = {line["key"]: line for line in told["budget"]}
    assert lines["max_size"]["figure"] == pytest.approx(artifact.stat().st_size / 1e6)
    assert lines["max_latency"]["figure"] == told["cost"]["latency_high_ms"]
    assert lines["max_memory"]["figure"] == pytest.approx(told["cost"]["peak_memory_mb"])
    busy = 10 * told["cost"]["latency_ms"] / 1e3
    drain = told["cost"]["battery_percent_per_hour"] * busy
    assert lines["max_battery"]["figure"] == pytest.approx(drain)


@pytest.mark.parametrize("line", ['max_size = "1MB"', 'max_latency = "1us"', 'max_memory = "1MB"'])
def test_a_missed_line_is_exit_1_and_leaves_nothing(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = tmp_path / "m.tflite"
    budget = written(tmp_path, f'{line}\nmax_battery = "100%"')
    out = ["-o", str(artifact), "--budget", budget]
    assert main([*COMMAND, "--target", "hexagon_v75", *out]) == 1
    shown = capsys.readouterr()
    assert re.search(rf"MMC512\] \S+ {line.split()[0]}", shown.err)
    assert ("MISSED" in shown.out, shown.out.count(" kept ")) == (True, 1)
    assert not artifact.exists()


@pytest.mark.parametrize(
    ("target", "line", "code"),
    [
        ("cpu", 'max_latency = "1s"', "MMC510"),
        ("hexagon_v75", 'max_drop = "1%"', "MMC513"),
    ],
)
def test_a_line_that_cannot_be_checked_is_refused(
    target: str, line: str, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = written(tmp_path, line)
    assert main([*COMMAND, "--target", target, "--budget", budget]) == 2
    assert code in capsys.readouterr().err


METRIC = """
import numpy as np

def right(outputs, labels):
    tokens = outputs["image_tokens"]
    return -float(np.mean(np.abs(tokens - labels["expected"])))

def near(outputs, labels):
    return float(np.mean(np.abs(outputs["image_tokens"] - labels["expected"]) < 1e-3))

def worst(outputs, labels):
    return float("nan")
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Four images with the original's own outputs, half of them spoiled, as labels."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(METRIC)
    images = np.random.default_rng(0).standard_normal((4, 1, 28, 56)).astype(np.float32)
    session = ort.InferenceSession(str(MODEL))
    expected = np.concatenate([session.run(None, {"image": i[None]})[0] for i in images])
    expected[2:] += 1
    np.savez(path := tmp_path / "data.npz", image=images, expected=expected)
    return str(path)


def test_the_drop_of_a_metric(data: str, tmp_path: Path) -> None:
    budget = written(tmp_path, 'max_drop = "1%"')
    result = mmc.compile(
        MODEL,
        target="hexagon_v75",
        output=tmp_path / "m.tflite",
        input_shape=SHAPES,
        verify=False,
        evaluation=data,
        metric="mine:near",
        budget=budget,
    )
    assert result.evaluation is not None
    assert (result.evaluation.samples, result.evaluation.original) == (4, 0.5)
    assert result.evaluation.artifact == 0.5
    assert [(line.key, line.met, line.figure) for line in result.budget] == [("max_drop", True, 0)]


@pytest.mark.parametrize("metric", ["mine:worst", "mine:none", "none:near", "near"])
def test_a_metric_that_is_none(metric: str, data: str, tmp_path: Path) -> None:
    with pytest.raises(MmcError, match="MMC306"):
        mmc.compile(
            MODEL,
            target="cpu",
            output=tmp_path / "m.tflite",
            input_shape=SHAPES,
            verify=False,
            evaluation=data,
            metric=metric,
        )


def test_the_page_names_every_line() -> None:
    page = (Path(__file__).parent.parent / "docs" / "cost.md").read_text()
    assert all(f"{key} =" in page for key in UNITS)
