"""Laws that hold for every pass and every drawn model: meaning, validity, a fixpoint."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from strategies import models

from mmc.instruments import Verify
from mmc.ir import Array, Model, Shape, load, print_ir, save, shape_of
from mmc.pass_manager import PASSES, Contract, Pass, PassManager, Phase
from mmc.passes.assign_layout import AssignLayout
from mmc.passes.fold_constants import FoldConstants
from mmc.passes.scale_queries import ScaleQueries
from mmc.pipelines import pipeline

WITH_DATA = ("quantize-activations",)
"""Runs the model in a child process for its ranges: test_quantize_activations.py."""
EVERY = (
    *(PASSES[name]() for name in PASSES if name not in WITH_DATA),
    FoldConstants(max_growth_bytes=0),
    ScaleQueries(own=True),
    AssignLayout(features=True),
)
"""Every registered pass, and options that change what a pass does."""
SETTINGS = settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def outputs_of(model: Model) -> list[Array]:
    """Run a model in ONNX Runtime with its optimizer off: an oracle that knows no pass."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    x = np.random.default_rng(0).standard_normal(shape_of(model.graph.inputs[0]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        save(model, path)
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return list(session.run(None, {"x": x.astype(np.float32)}))


def assert_same(reference: list[Array], actual: list[Array]) -> None:
    """Sums in another order: 1e-3 of the largest entry; NaN and infinity stay in place."""
    for a, b in zip(reference, actual, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        finite = np.isfinite(a)
        assert np.array_equal(finite, np.isfinite(b))
        scale = np.abs(a[finite]).max(initial=1e-3)
        assert np.abs(a[finite] - b[finite]).max(initial=0) <= 1e-3 * scale


def assert_saved_whole(model: Model, outputs: list[Array]) -> None:
    """A file of the model holds every bit of what it computes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        save(model, path)
        for a, b in zip(outputs, outputs_of(load(path)), strict=True):
            assert np.array_equal(a, b, equal_nan=True)


@pytest.mark.parametrize("p", EVERY, ids=str)
@settings(SETTINGS, max_examples=12)
@given(model=models())
def test_a_pass_keeps_the_meaning_settles_and_can_be_saved(p: Pass, model: Model) -> None:
    reference = outputs_of(model)
    before = print_ir(model, digests=True)
    (record,) = PassManager([p], [Verify()]).run(model)
    if record.changes == 0:
        assert print_ir(model, digests=True) == before
        return
    actual = outputs_of(model)
    if p.contract is not Contract.LOSSY:
        assert_same(reference, actual)
    text = print_ir(model, digests=True)
    (again,) = PassManager([p], [Verify()]).run(model)
    assert again.changes == 0
    assert print_ir(model, digests=True) == text
    assert_saved_whole(model, actual)


@SETTINGS
@given(model=models(steps=12))
def test_the_default_pipeline_keeps_the_meaning_and_reaches_a_fixpoint(model: Model) -> None:
    reference, nodes = outputs_of(model), model.graph.num_nodes()
    PassManager(pipeline("default"), [Verify()]).run(model)
    assert_same(reference, outputs_of(model))
    assert model.graph.num_nodes() <= nodes
    text = print_ir(model, digests=True)
    records = PassManager(pipeline("default"), [Verify()]).run(model)
    assert not any(r.changes for r in records)
    assert print_ir(model, digests=True) == text


@SETTINGS
@given(model=models())
def test_the_clean_up_phase_does_not_depend_on_its_order(model: Model) -> None:
    (clean,) = pipeline("clean")
    copy = model.clone()
    PassManager([clean]).run(model)
    PassManager([Phase("reversed", clean.passes[::-1], clean.max_rounds)]).run(copy)
    assert model.graph.num_nodes() == copy.graph.num_nodes()


@SETTINGS
@given(model=models())
def test_a_file_holds_the_model(model: Model) -> None:
    PassManager(pipeline("default"), [Verify()]).run(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        save(model, path)
        assert_same(outputs_of(model), outputs_of(load(path)))


def test_names_and_shapes_of_inputs_and_outputs_survive() -> None:
    @SETTINGS
    @given(model=models())
    def check(model: Model) -> None:
        ends = [*model.graph.inputs, *model.graph.outputs]
        before = [(v.name, Shape(shape_of(v))) for v in ends]
        PassManager(pipeline("default")).run(model)
        ends = [*model.graph.inputs, *model.graph.outputs]
        assert [(v.name, Shape(shape_of(v))) for v in ends] == before

    check()
