"""Progressive quantization: stage after stage until the threshold is broken; it says where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import browser
import numpy as np
import onnx_ir as ir
import pytest

import mmc
from ir_tests.arrays import normal
from ir_tests.test_automatic import TEXT
from mmc.auto.trials import Trial, search_of
from mmc.cli import main
from mmc.diagnostics import BudgetError, RecipeError
from mmc.integers.recipe import read_recipe
from mmc.ir import load, parse, save
from mmc.result import CompileResult


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write a model that 8 bits lose nothing of, 4 some, 2 much, and data."""
    folder = tmp_path_factory.mktemp("progressive")
    sizes = {"first": (32, 128), "large": (128, 128), "wild": (128, 128), "last": (128, 64)}
    arrays = {n: normal(*s, seed=i) for i, (n, s) in enumerate(sizes.items())}
    save(parse(TEXT, **arrays), folder / "m.onnx")
    np.savez(folder / "seen.npz", x=normal(64, 32, seed=5))
    np.savez(folder / "test.npz", x=normal(48, 32, seed=6))
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    patch.delenv("MMC_NO_CACHE", raising=False)
    yield folder / "m.onnx"
    patch.undo()


def stages(model: Path, recipe: str | Path = "progressive", **given: object) -> CompileResult:
    folder = model.parent
    return mmc.compile(
        model,
        target="cpu",
        output=folder / "m.tflite",
        recipe=recipe,
        calibration=folder / "seen.npz",
        evaluation=folder / "test.npz",
        metric="sqnr",
        **{"verify": False, **given},  # type: ignore[arg-type]
    )


def tried(result: CompileResult) -> list[str]:
    assert result.search is not None
    return [trial.label for trial in result.search.trials]


def test_it_ends_where_the_threshold_is_broken(model: Path) -> None:
    result = stages(model, max_drop="5%", verify=True)
    assert tried(result) == ["int8", "int4", "int2-experimental"]
    assert result.search is not None
    assert result.search.chosen == "int4"
    assert result.search.trials[2].drop_high_percent > 5
    assert result.evaluation is not None
    assert result.evaluation.drop_high_percent <= 5
    assert result.verification is not None
    assert result.verification.passed
    assert {w.bits for w in result.weights} <= {4, 8}
    (note,) = [d for d in result.diagnostics if d.code == "MMC314"]
    assert "ended at int2-experimental" in note.what


def test_it_goes_no_further_than_it_must(model: Path) -> None:
    result = stages(model, max_drop="0.5%")
    assert tried(result) == ["int8", "int4"]
    assert result.search is not None
    assert result.search.chosen == "int8"


def test_stages_and_threshold_from_a_file(model: Path) -> None:
    recipe = model.parent / "stages.toml"
    recipe.write_text('stages = ["int8", "int4"]\naccuracy_threshold = "5%"\n')
    result = stages(model, recipe)
    assert tried(result) == ["int8", "int4"]
    (note,) = [d for d in result.diagnostics if d.code == "MMC314"]
    assert "through all stages, down to int4" in note.what
    with pytest.raises(RecipeError, match="MMC307"):
        read_recipe(str(recipe))  # of one stage, as other commands take it


def test_between_the_stages_a_model_may_be_tuned(model: Path) -> None:
    """The hook stands in for training here: it doubles a layer and halves the next."""
    seen = []

    def tune(given: Path, stage: str) -> Path:
        seen.append((given.name, stage))
        tuned = load(given)
        for name, factor in (("large", 2), ("wild", 0.5)):
            old = tuned.graph.initializers[name].const_value
            assert old is not None
            tuned.graph.initializers[name].const_value = ir.tensor(old.numpy() * np.float32(factor))
        made = model.parent / f"{stage}.onnx"
        save(tuned, made)
        return made

    result = stages(model, max_drop="5%", fine_tune=tune)
    assert seen == [("m.onnx", "int4"), ("int4.onnx", "int2-experimental")]
    assert result.source.name == "int4.onnx"
    assert result.evaluation is not None
    assert result.evaluation.drop_high_percent <= 5


def test_a_first_stage_that_breaks_it(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BudgetError, match="MMC512"):
        stages(model, max_drop="0.0001%")
    data = ["--calibration", str(model.parent / "seen.npz"), "-o", str(model.parent / "n.tflite")]
    command = ["compile", str(model), "--target", "cpu", "--recipe", "progressive", *data]
    assert main([*command, "--max-drop", "0.0001%", "--quiet"]) == 1
    assert "ended at int8" in capsys.readouterr().err
    assert not (model.parent / "n.tflite").exists()


@pytest.mark.parametrize(
    "text",
    ['stages = ["int8", "int3"]', "stages = 3", 'stages = ["int8"]\nweights = "int8"'],
)
def test_stages_that_are_none(text: str, model: Path) -> None:
    recipe = model.parent / "wrong.toml"
    recipe.write_text(text)
    with pytest.raises(RecipeError, match="MMC307"):
        stages(model, recipe)


CUT = """[...document.querySelectorAll('svg text')].filter(t => t.getBBox().x < 0
    || t.getBBox().x + t.getBBox().width > t.ownerSVGElement.viewBox.baseVal.width)
    .map(t => t.textContent)"""
"""Labels of a plot that its edge cuts off."""
WIDE = """[...document.querySelectorAll('.tile')].filter(t => t.scrollWidth > t.clientWidth)
    .map(t => t.textContent)"""
"""Tiles that something sticks out of: the path of an artifact is one long word."""


@pytest.mark.skipif(not browser.BINARY, reason="Chromium is not installed")
@pytest.mark.parametrize(("limit", "taken"), [("5%", "int4"), ("0.0001%", "")])
def test_the_page_draws_what_was_tried(limit: str, taken: str, model: Path) -> None:
    folder = model.parent
    data = f"--calibration {folder / 'seen.npz'} --evaluation {folder / 'test.npz'} --metric sqnr"
    command = ["compile", str(model), "--target", "cpu", "--recipe", "progressive", "--no-verify"]
    command += [*data.split(), "--max-drop", limit, "--quiet", "-o", str(folder / "p.tflite")]
    files = [folder / f"p.{kind}" for kind in ("html", "json")]
    for file in files:
        assert main([*command, "--report", str(file)]) == (0 if taken else 1)
    report = json.loads(files[1].read_text())
    search, stages = report["search"], report["stages"]
    assert search["chosen"] == taken
    assert stages[0]["name"] == "trials"
    assert stages[0]["seconds"] > 0
    with browser.browser() as window:
        window.open(files[0], width=390)
        window.run("show('Search')")
        assert window.run("document.querySelectorAll('svg circle').length") == len(search["trials"])
        assert window.run(CUT) == []
        corners = window.run("document.querySelector('svg polyline').getAttribute('points')")
        assert len(corners.split()) == len(search["front"])
        said = window.run("document.querySelector('svg circle.chosen title')?.textContent || ''")
        assert said.startswith(taken)
        assert window.run("document.documentElement.scrollWidth") <= 390
        if taken:
            window.run("show('Weights')")
            heads = window.run("[...document.querySelectorAll('th')].map(h => h.textContent)")
            assert {"bits", "method", "error", "bytes"} <= set(heads)
        window.run("show('Overview')")
        assert window.run(WIDE) == []
        assert window.errors() == []


def test_the_front_is_what_nothing_beats() -> None:
    trials = [
        Trial(name, "float", size, drop, drop)
        for name, size, drop in [
            ("a", 9, 0.1),
            ("b", 5, 1.0),
            ("c", 6, 2.0),
            ("d", 1, float("nan")),
            ("e", 5, 0.9),
        ]
    ]
    assert search_of("a", trials).front == ["e", "a"]


def test_it_needs_data(model: Path) -> None:
    with pytest.raises(RecipeError, match="MMC308"):
        mmc.compile(model, target="cpu", recipe="progressive", output=model.parent / "x.tflite")
