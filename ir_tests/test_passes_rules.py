"""Every rule, alone: golden text of what it does, its meaning, and every reason it refuses for."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import cases
import numpy as np
import pytest
from cases import Case

import mmc.passes
from mmc.instruments import Verify
from mmc.ir import Array, Model, Node, print_ir, save, shape_of
from mmc.pass_manager import Pass, PassRecord
from mmc.passes.canonicalize import Canonicalize
from mmc.pattern import RULES, NoMatch, Rule, apply_rules

GOLDEN = Path(__file__).parent / "golden"
PASSES = Path(mmc.passes.__file__).parent

UNRUNNABLE = ("expand-global-lp-pool", "one-hot-of-values", "roi-align")
"""ONNX Runtime has no kernel for what these see or make; TFLite shows their meaning elsewhere."""

EVERY = cases.every()
FIRES = [c for c in EVERY if not c.why]
REFUSES = [c for c in EVERY if c.why]


def names(cases: list[Case]) -> list[str]:
    """Return test ids: the rule's name, numbered where it has several cases."""
    found: list[str] = []
    for case in cases:
        name = case.rule.replace("/", "-")
        number = 1 + sum(n.partition(".")[0] == name for n in found)
        found.append(name if number == 1 else f"{name}.{number}")
    return found


def run(model: Model, folder: Path) -> list[Array]:
    """Run a model in ONNX Runtime with its optimizer off, on inputs of both signs."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    path = folder / "m.onnx"
    save(model, path)
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    feeds = {
        v.name: (rng.standard_normal(shape_of(v)) * 3).astype(v.dtype.numpy())
        for v in model.graph.inputs
        if v.dtype is not None
    }
    return list(session.run(None, feeds))


@pytest.mark.parametrize(("case", "name"), list(zip(FIRES, names(FIRES), strict=True)))
def test_rule_fires(case: Case, name: str, tmp_path: Path) -> None:
    model = case.model()
    runs = case.rule not in UNRUNNABLE
    before, reference = print_ir(model), run(model, tmp_path) if runs else []
    assert apply_rules(model, [cases.find(case.rule)]) >= 1
    record = PassRecord("rule", "", 1, model.graph.num_nodes())
    Verify().after(pass_of_any(), model, record)
    for a, b in zip(reference, run(model, tmp_path) if runs else [], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    text = f"{before}->\n{print_ir(model)}"
    golden = GOLDEN / f"{name}.ir"
    if os.environ.get("MMC_UPDATE_GOLDEN"):
        golden.write_text(text)
    assert golden.read_text() == text


def pass_of_any() -> Pass:
    """Return a pass for Verify's messages."""
    return Canonicalize()


@pytest.mark.parametrize(("case", "name"), list(zip(REFUSES, names(REFUSES), strict=True)))
def test_rule_refuses(case: Case, name: str) -> None:
    model = case.model()
    before = print_ir(model, digests=True)
    reasons: list[str] = []

    def explain(rule: Rule, node: Node, why: str) -> None:
        reasons.append(why)

    assert apply_rules(model, [cases.find(case.rule)], explain) == 0
    assert print_ir(model, digests=True) == before
    assert any(case.why in reason for reason in reasons), reasons


def test_every_rule_has_a_case() -> None:
    fired = {id(cases.find(c.rule)) for c in FIRES}
    assert [name for name in RULES if id(RULES[name]) not in fired] == []


def test_golden_texts_are_those_of_the_cases() -> None:
    assert {p.stem for p in GOLDEN.glob("*.ir")} == set(names(FIRES))


def test_every_reason_to_refuse_has_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `raise NoMatch` in passes/ must be the reason that some case names."""
    raised: list[tuple[str, str, int]] = []

    def hear(self: NoMatch, why: str) -> None:
        code = sys._getframe(1)
        raised.append((why, Path(code.f_code.co_filename).name, code.f_lineno))
        Exception.__init__(self, why)

    monkeypatch.setattr(NoMatch, "__init__", hear)
    named: set[tuple[str, int]] = set()
    for case in REFUSES:
        raised.clear()
        apply_rules(case.model(), [cases.find(case.rule)])
        named |= {(file, line) for why, file, line in raised if case.why in why}
    missing = [
        f"{path.name}:{first}: {text}"
        for path in sorted(PASSES.rglob("*.py"))
        for first, last, text in refusals(path)
        if not any((path.name, line) in named for line in range(first, last + 1))
    ]
    assert not missing, "\n".join(["no case names:", *missing])


def refusals(path: Path) -> Iterator[tuple[int, int, str]]:
    """Yield first line, last line and reason of each `raise NoMatch(reason)` in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "NoMatch":
            yield node.lineno, node.end_lineno or node.lineno, ast.unparse(node.args[0])
