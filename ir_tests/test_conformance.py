"""The conformance cases of the onnx package: a spread of them always, all of them when slow."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import onnx
import pytest

ROOT = Path(__file__).parent.parent
RIGHT = {"cpu": 900, "ane_ios18": 1000}
"""How many cases must be right; none may be wrong."""


def load_module() -> ModuleType:
    """Import benchmarks/conformance.py, which is no package."""
    spec = importlib.util.spec_from_file_location(
        "conformance", ROOT / "benchmarks" / "conformance.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["conformance"] = module
    spec.loader.exec_module(module)
    return module


conformance = load_module()


@pytest.fixture(scope="module")
def cases() -> list[object]:
    return list(conformance.load_cases())


def test_the_cases_are_the_1250_in_scope(cases: list[object]) -> None:
    assert len(cases) == 1250


def test_shape_operands_are_found_behind_arithmetic_but_not_behind_shape() -> None:
    graph = onnx.parser.parse_graph(
        """g (float[2,3] x, int64[2] a, float[n] s) => (float[m,k] y) {
            n = Shape(s)  one = Abs(a)  b = Mul(one, n)  y = Reshape(x, b) }"""
    )
    assert importlib.import_module("conformance_cases").shape_inputs(graph) == {"a"}


def test_a_case_that_kills_its_process_is_wrong(
    cases: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    monkeypatch.setattr(conformance, "run_case", lambda case, target: signal.raise_signal(9))
    monkeypatch.setattr(conformance, "prepare", lambda target: None)
    outcome = next(conformance.run_cases(cases[:1], "cpu"))
    assert outcome.status == "wrong"
    assert "-9" in outcome.detail


def test_a_case_that_hangs_is_wrong(cases: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(conformance, "run_case", lambda case, target: time.sleep(60))
    monkeypatch.setattr(conformance, "prepare", lambda target: None)
    outcome = next(conformance.run_cases(cases[:1], "cpu", timeout=0.2))
    assert outcome.status == "wrong"


@pytest.mark.parametrize("target", RIGHT)
def test_a_spread_of_cases(cases: list[object], target: str) -> None:
    """One case in sixteen: nothing wrong, and as large a part right as of all."""
    outcomes = list(conformance.run_cases(cases[::16], target))
    assert [o for o in outcomes if o.status == "wrong"] == []
    counts = Counter(o.status for o in outcomes)
    assert counts["right"] >= RIGHT[target] / 1250 * len(outcomes)
    assert all(re.fullmatch(r"MMC\d{3}", o.code) for o in outcomes if o.status == "refused")


@pytest.mark.slow
@pytest.mark.parametrize("target", RIGHT)
def test_all_cases(cases: list[object], target: str) -> None:
    outcomes = list(conformance.run_cases(cases, target))
    assert [o for o in outcomes if o.status == "wrong"] == []
    assert sum(o.status == "right" for o in outcomes) >= RIGHT[target]


def test_the_page_has_a_column_a_target_and_nothing_is_wrong(tmp_path: Path) -> None:
    page = ROOT / "docs" / "conformance.md"
    found = conformance.conformance_table.read(page.read_text())
    assert found.keys() == RIGHT.keys()
    for target, columns in found.items():
        counts = [sum(int(row[i].split()[0]) for row in columns.values()) for i in range(3)]
        assert sum(counts) == 1250
        assert counts[0] >= RIGHT[target]
        assert counts[2] == 0
    (tmp_path / "page.md").write_text(page.read_text())
    outcome = conformance.Outcome("a", "Abs", "refused", "MMC201")
    conformance.write(tmp_path / "page.md", [outcome], "cpu")
    changed = conformance.conformance_table.read((tmp_path / "page.md").read_text())
    assert changed["cpu"]["Abs"] == ("0", "1 (MMC201 × 1)", "0")
    assert changed["ane_ios18"] == found["ane_ios18"]
