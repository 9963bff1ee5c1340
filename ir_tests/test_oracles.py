"""Oracles that know nothing of mmc, nor of each other: where they disagree, one is known right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import onnx_ir as ir
from hypothesis import HealthCheck, given, settings
from onnx.reference import ReferenceEvaluator
from strategies import models
from test_passes_rules import FIRES, UNRUNNABLE, names
from test_rules_laws import assert_same, outputs_of

from ir_tests.versions import needs_newer_onnx
from mmc.ir import Array, Model, constant, print_ir, save
from mmc.pass_manager import PassManager
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.fold_constants import FoldConstants

DISAGREE = {
    "expand-lp-normalization": "for p = 1 the reference evaluator sums x, not |x|",
    "expand-lrn": "the reference evaluator's window is another",
    "explicit-conv.2": "the reference evaluator skips no entries that no window reads",
    "expand-max-pool-places": "the reference evaluator gives negative places in a padded image",
    "pool-explicit": "the reference evaluator pads SAME_LOWER at the other end",
    "unroll-gru.2": "the reference evaluator ignores the lengths of sequences",
}
"""Cases in which ONNX Runtime, which our rewrites keep to, is right against ONNX's evaluator."""
REFUSED = {
    "affine-linear.2": "an omitted operand of a function",
    "conv-of-few-filters": "an omitted operand of a function",
    "conv-of-few-filters.3": "an omitted operand of a function",
    "conv-transpose-explicit": "output_shape",
    "conv-transpose-groups": "groups",
    "explicit-pool.3": "entries that no window reads",
    "linear-bias": "an omitted operand of a function",
    "linear-bias.2": "an omitted operand of a function",
    "linear-of-many-axes.2": "an omitted operand of a function",
    "linear-of-merged-axes.2": "an omitted operand of a function",
    "moved-codes": "a number of parts without their sizes",
    "rows-of-one-hot.2": "an omitted operand of a function",
    "softmax-of-two": "an omitted operand of a function",
}
"""Cases that ONNX's evaluator cannot run, for the feature named."""


@needs_newer_onnx
def test_onnx_runtime_and_the_reference_evaluator_agree_but_for_known_cases(
    tmp_path: Path,
) -> None:
    differ, refused = set(), set()
    for case, name in zip(FIRES, names(FIRES), strict=True):
        if case.rule in UNRUNNABLE:
            continue
        model = case.model()
        save(model, tmp_path / "m.onnx")
        rng = np.random.default_rng(1)
        feeds = {
            v.name: (rng.standard_normal([int(d) for d in v.shape or ()]) * 3).astype(
                v.dtype.numpy()
            )
            for v in model.graph.inputs
            if v.dtype is not None
        }
        try:
            found = ReferenceEvaluator(str(tmp_path / "m.onnx")).run(None, feeds)
        except (ValueError, RuntimeError):
            refused.add(name)
            continue
        try:
            assert_same(outputs_of(model, 1), [np.asarray(v) for v in found])
        except AssertionError:
            differ.add(name)
    assert differ == set(DISAGREE)
    assert refused == set(REFUSED)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(model=models())
def test_what_graphsurgeon_folds_we_fold_to_the_same(model: Model) -> None:
    """The input becomes a constant: then everything is one, for both tools."""
    (x,) = model.graph.inputs
    shape = [int(d) for d in x.shape or ()]
    value = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    fixed = ir.Value(name="fixed", type=x.type, shape=x.shape, const_value=ir.tensor(value))
    x.replace_all_uses_with(fixed)
    model.graph.register_initializer(fixed)
    theirs = folded_by_graphsurgeon(ir.to_proto(model))
    PassManager([FoldConstants(max_growth_bytes=1 << 30), EliminateDeadCode()]).run(model)
    ours = {v.name: constant(made_from(v)) for v in model.graph.outputs}
    for name, array in theirs.items():
        found = ours[name]
        assert found is not None, f"{name} is left to compute\n{print_ir(model)}"
        assert_same([array], [found])


def made_from(value: ir.Value) -> ir.Value | None:
    """Return what an output copies: a constant that is one needs an Identity of its own."""
    made = value.producer()
    return made.inputs[0] if made is not None and made.op_type == "Identity" else value


def folded_by_graphsurgeon(proto: onnx.ModelProto) -> dict[str, Array]:
    """Return the outputs of a model that onnx-graphsurgeon's folding makes constants."""
    graph = gs.import_onnx(proto)
    graph.fold_constants()
    return {v.name: v.values for v in graph.outputs if isinstance(v, gs.Constant)}
