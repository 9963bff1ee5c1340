"""Metrics on numbers known by hand, and the interval of a drop against the normal theory."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from mmc import metrics
from mmc.cli import main
from mmc.diagnostics import BudgetError, MmcError
from mmc.ir import parse, save
from mmc.result import CompileResult

TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,16] x) => (float[1,8] y) {
    a = MatMul(x, first)
    b = Relu(a)
    c = MatMul(b, middle)
    d = Relu(c)
    y = MatMul(d, last)
}"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a classifier; `test.npz` has its own answers as labels, `seen.npz` other inputs."""
    monkeypatch.setenv("MMC_NO_CACHE", "1")
    first, middle, last = normal(16, 64, seed=1), normal(64, 64, seed=4), normal(64, 8, seed=2)
    save(parse(TEXT, first=first, middle=middle, last=last), tmp_path / "m.onnx")
    x = normal(80, 16, seed=3)
    hidden = np.maximum(np.maximum(x @ first, 0) @ middle, 0)
    label = (hidden @ last).argmax(axis=1)
    np.savez(tmp_path / "test.npz", x=x[:40], label=label[:40])
    np.savez(tmp_path / "seen.npz", x=x[40:])
    np.savez(tmp_path / "both.npz", x=x[30:50])
    return tmp_path / "m.onnx"


def test_the_metrics_say_what_they_say() -> None:
    one = {"y": np.array([[1.0, 2.0], [4.0, 3.0]])}
    other = {"y": np.array([[1.0, 2.0], [3.0, 4.0]])}
    assert metrics.agreement(other, one) == 0.5
    assert metrics.cosine(other, one) == pytest.approx((1 + 24 / 25) / 2)
    assert metrics.sqnr(other, one) == pytest.approx(1 - (0 + 2 / 25) / 2)
    p = 1 / (1 + np.exp(-1.0))
    assert metrics.kl(other, one) == pytest.approx(np.exp(-(2 * p - 1) / 2))
    assert metrics.accuracy(one, {"label": np.array([1, 1])}) == 0.5
    for proxy in metrics.PROXIES.values():
        assert proxy(one, one) == pytest.approx(1)


def test_characters_are_read_by_ctc() -> None:
    scores = np.eye(4)[[[0, 1, 1, 0, 1, 2], [3, 3, 3, 0, 0, 0]]]  # reads 1 1 2, and 3
    assert metrics.characters({"y": scores}, {"text": np.array([[1, 1, 2], [3, 0, 0]])}) == 1
    assert (
        metrics.characters({"y": scores}, {"text": np.array([[1, 2, 2], [3, 1, 0]])}) == 1 - 2 / 5
    )


@pytest.mark.parametrize(
    ("a", "b", "edits"), [("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2), ("x", "x", 0)]
)
def test_distance_is_levenshteins(a: str, b: str, edits: int) -> None:
    assert metrics.distance([ord(c) for c in a], [ord(c) for c in b]) == edits


def test_the_interval_is_that_of_a_mean() -> None:
    values = normal(400, seed=5).astype(np.float64)
    low, high = metrics.bootstrap(lambda places: float(values[places].mean()), 400, 4000)
    half = 1.96 * values.std() / sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=half / 6)


def compiled(model: Path, **options: object) -> CompileResult:
    output = model.parent / "m.tflite"
    return mmc.compile(model, target="cpu", output=output, verify=False, **options)  # type: ignore[arg-type]


def test_labels_by_name_and_a_paired_interval(model: Path) -> None:
    given = {"evaluation": model.parent / "test.npz", "metric": "accuracy"}
    same = compiled(model, **given).evaluation
    assert same is not None
    assert (same.original, same.artifact, same.samples, same.proxy) == (1, 1, 40, False)
    assert (same.drop_low_percent, same.drop_high_percent) == (0, 0)  # paired: nothing differs
    worse = compiled(model, weights="int2", **given).evaluation
    assert worse is not None
    assert worse.drop_low_percent < worse.drop_percent < worse.drop_high_percent


def test_without_labels_a_proxy_is_said_to_be_one(model: Path) -> None:
    result = compiled(model, weights="int8", evaluation=model.parent / "seen.npz")
    assert result.evaluation is not None
    assert (result.evaluation.metric, result.evaluation.proxy) == ("cosine", True)
    assert [d.code for d in result.diagnostics] == ["MMC309"]


def test_a_limit_is_for_the_worse_end(model: Path) -> None:
    given = {"weights": "int4", "evaluation": model.parent / "seen.npz", "metric": "sqnr"}
    found = compiled(model, **given).evaluation
    assert found is not None
    between = (found.drop_percent + found.drop_high_percent) / 2
    with pytest.raises(BudgetError, match="MMC512"):
        compiled(model, max_drop=f"{between:.6f}%", **given)
    compiled(model, max_drop=f"{found.drop_high_percent * 1.001:.6f}%", **given)


def test_calibration_samples_do_not_judge(model: Path) -> None:
    folder = model.parent
    given = {"weights": "int4", "calibration": folder / "seen.npz"}
    with pytest.raises(MmcError, match=r"MMC310.*10 of its 20"):
        compiled(model, evaluation=folder / "both.npz", **given)
    compiled(model, evaluation=folder / "test.npz", metric="accuracy", **given)


@pytest.mark.parametrize("wrong", ["empty", "named", "metric", "both"])
def test_data_that_cannot_judge_is_refused_before_anything_is_made(wrong: str, model: Path) -> None:
    """Two minutes of quantization came before: holds no samples."""
    folder = model.parent
    given = {"weights": "int4", "calibration": folder / "seen.npz", "evaluation": "test.npz"}
    if wrong == "metric":
        given["metric"] = "no_such_metric"
    else:
        seen = dict(np.load(folder / "seen.npz"))
        edits = {"empty": (slice(0), ""), "named": (slice(None), "x"), "both": (slice(2), "")}
        rows, suffix = edits[wrong]
        np.savez(folder / "wrong.npz", **{n + suffix: v[rows] for n, v in seen.items()})
    given["evaluation"] = folder / ("test.npz" if wrong == "metric" else "wrong.npz")
    with pytest.raises(MmcError, match=r"MMC302|MMC301|MMC306|MMC310") as caught:
        compiled(model, **given)
    assert caught.value.result is not None
    assert caught.value.result.passes == []


def test_on_the_command_line(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compile", str(model), "--target", "cpu", "--no-verify", "--weights", "int4"]
    command += ["-o", str(model.parent / "m.tflite"), "--quiet"]
    data = ["--evaluation", str(model.parent / "test.npz"), "--metric", "accuracy"]
    assert main([*command, *data, "--json", "--max-size", "1MB"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [line["key"] for line in report["budget"]] == ["max_size"]
    assert report["evaluation"]["metric"] == "accuracy"
    stored = [(w["kind"], w["bits"], w["method"], w["bytes"]) for w in report["weights"]]
    sizes = [16 * 64 + 64 * 4, 64 * 64 // 2 + 64 * 4, 64 * 8 + 8 * 4]
    kinds, bits = ("first", "body", "head"), (8, 4, 8)
    assert sorted(stored) == sorted(zip(kinds, bits, ["nearest"] * 3, sizes, strict=True))
    assert main([*command, "--max-size", "1KB"]) == 1
    assert main([*command, "--max-size", "1 horse"]) == 2
    assert main([*command, "--metric", "accuracy"]) == 2
    assert main([*command, "--max-drop", "1%"]) == 2
    assert main([*command, *data[:2], "--metric", "no such"]) == 2
    assert "cosine" in capsys.readouterr().err
