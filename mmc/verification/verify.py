"""Run an artifact and compare it: with the final IR (emission) and the original (accuracy).

Emission shows that lowering and writing are right, accuracy that the passes are. Both use ONNX
Runtime with its optimizer off. The rounding floor is how far its optimizer, and inputs off by one
rounding, move the original: no compiler that reorders sums can be asked for much more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmc.backends.base import backend_of
from mmc.diagnostics import EmitError, MmcError, Severity, VerifyError
from mmc.layout.stored_names import stored_names
from mmc.staging import working_folder
from mmc.values import WIDENED
from mmc.verification.casting import Array
from mmc.verification.evaluate import FLOAT_KINDS, Comparison, compare
from mmc.verification.half import blame_half, blame_overflow, excuse_half
from mmc.verification.half_engine import tell_half
from mmc.verification.inputs import draw_inputs
from mmc.verification.lost_parts import tell_lost_parts
from mmc.verification.pieces import judge_integers
from mmc.verification.result import FLOOR_SLACK_DB, OutputResult, VerifyResult, shortfall
from mmc.verification.rounding_floor import floor_db
from mmc.verification.survivors import compare_inner
from mmc.verification.trial import Subject, Trial, as_loaded, try_all

FLOAT_DB = 80.0
"""Least SQNR of outputs computed in float32."""
NARROW_DB = 40.0
"""Least SQNR of outputs where activations are integers, or float16."""
FIXES = {
    "MMC411": "--optimize accuracy avoids merges that can round worse; mmc bisect finds the pass"
}
ATTEMPTS = 5
"""Seeds tried until the reference says something: finite and not constant."""


class Options(Protocol):
    """What verification needs of the compile options."""

    @property
    def inputs(self) -> Mapping[str, Array] | None: ...
    @property
    def inputs_from(self) -> str: ...
    @property
    def constants(self) -> Mapping[str, Array]: ...
    @property
    def seed(self) -> int: ...
    @property
    def io_layout(self) -> str: ...
    @property
    def weights(self) -> str: ...
    @property
    def precision(self) -> str: ...


def verify(
    artifact: Path, original: Path, final: Path, *, model: Any, options: Options
) -> VerifyResult:
    """Compare an artifact with the final IR, saved at `final`, and with the original model.

    Args:
        model: the final IR; inputs are drawn for it, unless the options have some.
    Raises:
        VerifyError: MMC410..413 when the artifact is wrong or does not run.
    """
    last = options.io_layout == "nhwc"
    subject = Subject(artifact, final, original, dict(options.constants), last)
    result = examine(subject, model, options)
    if not result.passed:
        raise VerifyError(result.errors)
    return result


def examine(subject: Subject, model: Any, options: Options) -> VerifyResult:
    """Do the comparisons; the artifact's faults are findings of the result, never raised."""
    result = VerifyResult(stored=stored_names(model))
    with working_folder() as folder:
        try:
            chosen, feeds, expected = settle(subject, model, options, folder, result)
            result.feeds = feeds
            trial = try_all(chosen, feeds, expected)
            judge(trial, model, options, result)
            if not has_integers(options) and subject.halves:
                tell_half(trial, result)
            elif has_integers(options) and result.outputs:
                judge_integers(trial, model, result)
                tell_lost_parts(trial, model, result)
                if options.precision == "float16":
                    blame_overflow(trial, result)
        except EmitError as error:
            what = "could not be verified: a run failed"
            result.add("MMC413", Severity.ERROR, str(subject.artifact), what, why=str(error))
    return result


def settle(
    subject: Subject, model: Any, options: Options, folder: Path, result: VerifyResult
) -> tuple[Subject, Mapping[str, Array], dict[str, Array]]:
    """Return the subject with the first reference that runs, the feeds and the outputs for them.

    The model that mmc made does not stand in for an original which the feeds are at fault with;
    the original as loaded does, where ONNX Runtime refuses a spelling.
    """
    fault: EmitError | None = None
    refused: list[tuple[str, str]] = []
    for kind, chosen in references(subject, folder):
        if fault is not None and chosen.own_reference:
            raise fault
        try:
            found = stimulate(chosen, model, options, result)
        except EmitError as error:
            code = error.diagnostics[0].code
            if code == "MMC403" or chosen.own_reference:
                raise
            fault = fault or (error if code == "MMC409" else None)
            refused.append((kind, str(error)))
        else:
            result.reference = kind
            for other, why in refused:
                result.add("MMC415", Severity.WARNING, other, "cannot be the reference", why=why)
            return chosen, *found
    raise AssertionError("the final IR is always a candidate")


def references(subject: Subject, folder: Path) -> Iterator[tuple[str, Subject]]:
    """Yield what can stand for the original, best first; each is made only when asked for."""
    yield "the original model", subject
    with suppress(MmcError):
        yield "the original model as loaded by mmc", as_loaded(subject, folder)
    yield "the final IR only", replace(subject, reference=subject.final, own_reference=True)


def stimulate(
    subject: Subject, model: Any, options: Options, result: VerifyResult
) -> tuple[Mapping[str, Array], dict[str, Array]]:
    """Return feeds and the reference's outputs; redraw while those would not show an error."""
    if options.inputs is not None:
        result.inputs = options.inputs_from
        feeds: Mapping[str, Array] = subject.as_seen(options.inputs)
        return feeds, subject.run_reference(feeds).outputs
    drawn: tuple[Mapping[str, Array], dict[str, Array]] | None = None
    failure: EmitError | None = None
    for seed in range(options.seed, options.seed + ATTEMPTS):
        feeds = subject.to_reference(draw_inputs(model, seed), seed)
        try:
            drawn, result.seed = (feeds, subject.run_reference(feeds).outputs), seed
            result.inputs = f"random inputs, seed {seed}"
        except EmitError as error:
            if error.diagnostics[0].code != "MMC409":  # else other inputs may do
                raise
            failure = error
            continue
        if telling(drawn[1]):
            return drawn
    if drawn is None:
        assert failure is not None
        raise failure
    result.add(
        "MMC414",
        Severity.WARNING,
        str(subject.artifact),
        f"{ATTEMPTS} random inputs gave constant or non-finite outputs, which hide errors",
        fix="give a real sample with --inputs X.npz",
    )
    return drawn


def telling(outputs: Mapping[str, Array]) -> bool:
    """Say whether the outputs are finite and not all of them constant."""
    floats = [o for o in outputs.values() if o.dtype.kind in FLOAT_KINDS]
    finite = all(np.isfinite(o.astype(np.float64)).all() for o in floats)
    several = [o for o in outputs.values() if o.size > 1]
    return finite and (not several or any((o != o.reshape(-1)[0]).any() for o in several))


def judge(trial: Trial, model: Any, options: Options, result: VerifyResult) -> None:
    """Compare every output, and the inner tensors where the floor is low."""
    result.seconds, result.peak_memory = trial.artifact.seconds, trial.artifact.peak_memory
    made = trial.artifact.outputs.keys()
    if odd := (trial.reference.keys() ^ made) | (trial.final.keys() ^ made):
        names = ", ".join(sorted(odd))
        result.add("MMC410", Severity.ERROR, "outputs", f"missing or unknown: {names}")
        return
    widened = WIDENED in model.metadata_props  # the original rounds to float16, the artifact not
    narrow = has_integers(options) or options.precision == "float16" or widened
    target = NARROW_DB if narrow else FLOAT_DB
    gated = is_gated(options)
    found = judge_outputs(trial, target, options)
    if found.errors:
        trial = trial.perturbed_more()
        found = judge_outputs(trial, target, options)
    amplified = found.floor_db < target
    if options.precision == "float16":
        excuse_half(trial, target, found)
        blame_half(trial, target, found)
        blame_overflow(trial, found)
    result.outputs += found.outputs
    result.diagnostics += found.diagnostics
    if gated and amplified:
        judge_inner(trial, target, result)
    elif options.precision == "float16" and amplified:
        note_amplified(trial, result, "--precision float32 compares inner tensors too")


def has_integers(options: Options) -> bool:
    """Say whether activations are integers."""
    return getattr(options, "activations", "float") != "float"


def is_gated(options: Options) -> bool:
    """Say whether the artifact must be the original model, but for rounding of float32."""
    exact = options.weights == "float32" and options.precision != "float16"
    return exact and not getattr(options, "recipe", "") and not has_integers(options)


def judge_outputs(trial: Trial, target: float, options: Options) -> VerifyResult:
    """Compare every output; returns the comparisons and what is wrong."""
    found = VerifyResult()
    for name in trial.reference:
        judge_output(trial, name, target, options, found)
    return found


def judge_output(
    trial: Trial, name: str, target: float, options: Options, result: VerifyResult
) -> None:
    """Compare one output in both ways and add what is wrong."""
    expected, actual = trial.reference[name], trial.artifact.outputs[name]
    try:
        floor = floor_db(name, expected, trial.perturbed)
        emission = compare(name, trial.final[name], actual)
        accuracy = None if trial.subject.own_reference else compare(name, expected, actual)
    except ValueError as error:
        result.add("MMC410", Severity.ERROR, f"output {name!r}", str(error))
        return
    output = OutputResult(name, emission, accuracy, floor)
    least = output.least(target)
    if emission.integer and not emission.passes(least):
        emission = forgiven(trial, emission, least, final=True)
    if accuracy is not None and accuracy.integer and not accuracy.passes(least):
        accuracy = forgiven(trial, accuracy, least, final=False)
    output = OutputResult(name, emission, accuracy, floor)
    result.outputs.append(output)
    if has_integers(options):
        return  # their rounding adds up: `judge_integers` compares operator by operator
    report(result, "MMC410", emission, least, "the artifact differs from mmc's final IR")
    if is_gated(options) and accuracy is not None:
        report(result, "MMC411", accuracy, least, "the artifact differs from the original model")


def forgiven(trial: Trial, found: Comparison, least: float, *, final: bool) -> Comparison:
    """Return the comparison of an index output without mismatches if they are but ties."""
    return replace(found, mismatches=0) if trial.excuses(found.name, least, final=final) else found


def report(result: VerifyResult, code: str, found: Comparison, least: float, why: str) -> None:
    """Add a finding unless the comparison passes."""
    if not found.passes(least):
        code = code if found.positions_match else "MMC412"
        what = shortfall(found, least)
        where = f"output {found.name!r}"
        result.add(code, Severity.ERROR, where, what, why=why, fix=FIXES.get(code, ""))


def judge_inner(trial: Trial, target: float, result: VerifyResult) -> None:
    """Compare the tensors upstream of where rounding is amplified; add the first wrong one."""
    backend = backend_of(trial.subject.artifact)
    assert backend is not None
    names = backend.inner_values(backend.read(trial.subject.artifact))
    inner = compare_inner(trial, names, result.stored, result.floor_db)
    compared = [i for i in inner if i.floor_db >= target]
    result.inner = len(compared)
    wrong = [i for i in compared if not i.found.passes(min(target, i.floor_db - FLOOR_SLACK_DB))]
    note_amplified(trial, result, f"{len(compared)} inner tensors were compared before that")
    if wrong:
        first = wrong[0]
        least = min(target, first.floor_db - FLOOR_SLACK_DB)
        what = shortfall(first.found, least)
        where = f"inner tensor {first.found.name!r}"
        why = f"{len(wrong)} of {len(compared)} inner tensors differ, this is the first"
        result.add("MMC411", Severity.ERROR, where, what, why=why)


def note_amplified(trial: Trial, result: VerifyResult, more: str) -> None:
    """Say that rounding of float32 alone moves an output of the original, and how far."""
    what = "rounding is amplified: it alone moves an output of the original to"
    what = f"{what} {result.floor_db:.1f} dB; {more}"
    result.add("MMC416", Severity.NOTE, str(trial.subject.artifact), what)
