"""Ask an artifact that is written: its vendor's compiler, cost, outputs, metric and budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmc.backends.base import makes_folder
from mmc.budget import Budget, check_budget, figures, missed
from mmc.cost import estimate
from mmc.cost.device import has_device
from mmc.diagnostics import BudgetError, VerifyError, refuse
from mmc.generalizing import Case
from mmc.ir import Model, save
from mmc.options import CompileOptions
from mmc.result import CompileResult
from mmc.staging import working_folder
from mmc.target import Target
from mmc.verification.given import more_samples, refuse_unfit, shapes_of_data, with_inputs

if TYPE_CHECKING:
    from mmc.backends.base import Backend
    from mmc.verification.trial import Subject


def prove(
    result: CompileResult,
    backend: Backend,
    program: Any,
    cases: Sequence[Case],
    options: CompileOptions,
) -> None:
    """Ask all that the options want to know of the artifact; the answers are in the result.

    Raises:
        LegalityError: where the vendor's compiler refuses what may not be refused.
        VerifyError: where the artifact computes something else than the original model.
        BudgetError: where it is too large, too slow or too wrong.
    """
    if options.vendor is not None:
        with result.stage("vendor"):
            from mmc.backends.tflite.hexagon import ask_vendor

            ask_vendor(result, program, options)
        refuse(result.diagnostics, options.require_npu)
    with result.stage("cost"):
        work = backend.work(cases[0].program)
        result.cost = estimate(work, result.target) if has_device(result.target) else None
    if options.verify:
        with result.stage("verify"):
            refuse_unfit(cases, options)
            for case in reversed(cases):
                verify(result, case.model, with_inputs(case))
    if options.evaluation:
        with result.stage("evaluate"):
            _evaluate(result, cases[0].model, options)
    if options.budget:
        _check_budget(result, options.budget)


def verify(result: CompileResult, model: Model, options: CompileOptions) -> None:
    """Run the artifact, the final IR and the original; a mismatch raises VerifyError."""
    from mmc.verification.verify import examine

    with working_folder() as folder:
        final = folder / "final.onnx"
        save(model, final)
        subject = subject_of(result, final, options)
        subject = replace(subject, samples=more_samples(model, options))
        found = examine(subject, model, options)
        if options.verify_on == "htp" and found.passed:
            from mmc.backends.tflite.htp import verify_on_htp

            verify_on_htp(subject, result.target, found)
    result.verification = found
    result.diagnostics += [d for d in found.diagnostics if d not in found.errors]
    if not found.passed:
        raise VerifyError(found.errors)


def computes_halves(target: Target) -> bool:
    """Say whether an NPU runs floats of the artifact in float16, as the artifact does not say."""
    return (
        target.runs_on == "npu"
        and not makes_folder(target.backend)
        and target.support("SUB", "f32").ok  # v68 has no floats
    )


def subject_of(result: CompileResult, final: Path, options: CompileOptions) -> Subject:
    """Return what is compared with what."""
    from mmc.verification.trial import Subject

    return Subject(
        result.artifact,
        final,
        result.source,
        dict(options.constants),
        options.io_layout == "nhwc",
        rounding=options.precision if makes_folder(result.target.backend) else "",
        pictures=options.pictures,
        coded=options.io_dtype == "int8",
        halves=computes_halves(result.target),
    )


def _evaluate(result: CompileResult, model: Model, options: CompileOptions) -> None:
    """Measure the metric of the artifact and of the original."""
    from mmc.evaluation import evaluate_artifact, proxy_warning
    from mmc.joined_outputs import cuts_of

    subject = subject_of(result, result.source, options)
    shapes, data = shapes_of_data(model, options), options.evaluation
    given = (shapes, data, options.metric, options.originals, cuts_of(model))
    result.evaluation = evaluate_artifact(subject, *given)
    result.diagnostics += proxy_warning(result.evaluation)


def _check_budget(result: CompileResult, budget: Budget) -> None:
    """Compare every line; raises BudgetError when one is missed."""
    worst = result.evaluation.drop_high_percent if result.evaluation else None
    found = figures(result.bytes, result.cost, worst, budget)
    result.budget = check_budget(budget, found)
    if wrong := list(missed(budget, result.budget)):
        raise BudgetError(wrong)
