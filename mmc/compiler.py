"""The whole flow: ONNX in, a verified artifact and a report out."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmc.backends.base import artifact_path, load_backend, makes_folder, suffix_of
from mmc.budget import Budget, BudgetLine, check_budget, figures, missed, refuse_unchecked
from mmc.cost import CostEstimate, estimate
from mmc.cost.device import has_device
from mmc.diagnostics import (
    BudgetError,
    Diagnostic,
    LegalityError,
    MmcError,
    Severity,
    UsageError,
    VerifyError,
)
from mmc.files import check_output, remove, size_of
from mmc.generalizing import Case, first_of, generalize
from mmc.instruments import Reproducer, Time, Verify
from mmc.ir import Model, load, save, shape_of
from mmc.options import CompileOptions
from mmc.pass_manager import Instrument, PassManager, PassRecord
from mmc.progress import Progress
from mmc.shapes import fix_shapes, infer
from mmc.stored_weights import StoredWeight, stored_weights
from mmc.target import Target, load_target
from mmc.trials import Search
from mmc.values import ARRIVED_QUANTIZED
from mmc.verification.execute import peak_memory

if TYPE_CHECKING:
    from mmc.backends.base import Backend
    from mmc.evaluation import Evaluation
    from mmc.schedule import Schedule
    from mmc.verification.result import VerifyResult
    from mmc.verification.trial import Subject


@dataclass
class Stage:
    """What one stage of a compile took."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass
class CompileResult:
    """What was made, what was found and what it took."""

    source: Path
    artifact: Path
    target: Target
    diagnostics: list[Diagnostic] = field(default_factory=list)
    passes: list[PassRecord] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    ops: dict[str, int] = field(default_factory=dict)
    nodes_before: int = 0
    memory: Schedule | None = None
    verification: VerifyResult | None = None
    cost: CostEstimate | None = None
    evaluation: Evaluation | None = None
    budget: list[BudgetLine] = field(default_factory=list)
    compiled: Path | None = None
    search: Search | None = None
    weights: list[StoredWeight] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress, repr=False, compare=False)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage, also one that fails; CPU time includes that of child processes."""
        self.progress.stage(name)
        wall, cpu = time.perf_counter(), cpu_seconds()
        try:
            yield
        finally:
            spent = time.perf_counter() - wall, cpu_seconds() - cpu
            self.stages.append(Stage(name, *spent, peak_memory()))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """On failure, remove the artifact and attach this result to the error for its report."""
        try:
            yield
        except BaseException as error:
            remove(self.artifact)
            if self.compiled:
                remove(self.compiled)
            if isinstance(error, MmcError):
                error.result = self
            raise

    @property
    def bytes(self) -> int:
        """Size of the artifact."""
        return size_of(self.artifact)


def cpu_seconds() -> float:
    """Return the CPU time of this process and of the children that ended."""
    return sum(os.times()[:4])


def compile_model(
    path: str | Path,
    target: str,
    output: str | Path | None = None,
    options: CompileOptions | None = None,
    instruments: Sequence[Instrument] = (),
    progress: Progress | None = None,
) -> CompileResult:
    """Compile one ONNX model for one target; the artifact is executed and compared (`verify`).

    Args:
        progress: hears of every stage and pass.
    Raises:
        MmcError: with coded diagnostics; no artifact is left behind then.
    """
    source, where = Path(path), load_target(target)
    options = settled(options or CompileOptions(), where)
    if options.budget:
        refuse_unchecked(options.budget, where, bool(options.evaluation))
    backend = load_backend(where.backend)(where, options)
    artifact = Path(output) if output else artifact_path(source, where)
    check_output(artifact, folder=makes_folder(where.backend))
    result = CompileResult(source, artifact, where, progress=progress or Progress())
    instruments = (*instruments, result.progress)
    with result.kept():
        start = first_of(options, backend)
        model, program = to_program(result, backend, start, instruments)
        cases = [Case(start, model, program)]
        refuse(result.diagnostics, options.require_npu)
        if options.sizes:
            with result.stage("sizes"):
                program, cases = _generalize(result, backend, options, cases[0])
            refuse(result.diagnostics, options.require_npu)
        with result.stage("write"):
            backend.write(program, artifact)
        if options.vendor is not None:
            with result.stage("vendor"):
                _ask_vendor(result, program, options)
            refuse(result.diagnostics, options.require_npu)
        with result.stage("cost"):
            work = backend.work(cases[0].program)
            result.cost = estimate(work, where) if has_device(where) else None
        if options.verify:
            with result.stage("verify"):
                for case in reversed(cases):
                    _verify(result, case.model, fitting(case))
        if options.evaluation:
            with result.stage("evaluate"):
                _evaluate(result, model, options)
        if options.budget:
            _check_budget(result, options.budget)
    return result


def _generalize(
    result: CompileResult, backend: Backend, options: CompileOptions, first: Case
) -> tuple[Any, list[Case]]:
    """Return the program for several sizes, and the cases to verify it at."""

    def make(fixed: CompileOptions) -> tuple[Model, Any]:
        model = load_fixed(result.source, fixed)
        PassManager(backend.phases(), (Verify(),)).run(model)
        return model, backend.lower(model)

    program, cases, finding = generalize(result.source, backend, options, first, make)
    result.diagnostics.append(finding)
    return program, cases


def fitting(case: Case) -> CompileOptions:
    """Return a case's options, without inputs to verify on if they are of another size."""
    given, shapes = case.options.inputs, {v.name: shape_of(v) for v in case.model.graph.inputs}
    if given and any(a.shape != shapes.get(n, a.shape) for n, a in given.items()):
        return replace(case.options, inputs=None)
    return case.options


def _ask_vendor(result: CompileResult, program: Any, options: CompileOptions) -> None:
    """Let the vendor's compiler judge the artifact; it wins over our table."""
    from mmc.backends.tflite.hexagon import ask_vendor

    ask_vendor(result, program, options)


def settled(options: CompileOptions, target: Target) -> CompileOptions:
    """Return the options with the target's precision where the user gave none.

    Raises UsageError (MMC014, MMC003) if the target has no vendor to ask.
    """
    if options.vendor is not None or options.aot or options.verify_on == "htp":
        from mmc.backends.tflite.hexagon import architectures

        architectures(options.vendor or "", target)
    if options.aot:
        options = replace(options, vendor=options.vendor or "")
    for name in ("weights", "activations"):
        if getattr(options, name) == "auto":
            fix = "say a type; `mmc compile` chooses one"
            raise UsageError("MMC002", f"--{name} auto", "is for mmc compile only", fix=fix)
    return replace(options, precision=options.precision or target.precision)


def check_file(
    path: str | Path, target: str, options: CompileOptions | None = None
) -> list[Diagnostic]:
    """Return every finding on a model or an artifact; nothing is written.

    Raises:
        MmcError: when it cannot be read, or a pass fails.
    """
    source, where = Path(path), load_target(target)
    options = replace(settled(options or CompileOptions(), where), aot=False)
    backend = load_backend(where.backend)(where, options)
    result = CompileResult(source, source, where)
    made = source.suffix != suffix_of(where.backend)
    try:
        program = to_program(result, backend, options, ())[1] if made else backend.read(source)
    except LegalityError as error:
        return [*error.diagnostics]
    if not made:
        result.diagnostics = backend.check(program)
    if options.vendor is not None:
        with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
            if made:
                result.artifact = Path(folder) / "model.tflite"
                backend.write(program, result.artifact)
            _ask_vendor(result, program, options)
    return result.diagnostics


def to_program(
    result: CompileResult,
    backend: Backend,
    options: CompileOptions,
    instruments: Sequence[Instrument],
) -> tuple[Model, Any]:
    """Return the final IR and its program; the target's findings are in the result."""
    with result.stage("load"):
        model = load_fixed(result.source, options)
        result.nodes_before = model.graph.num_nodes()
        result.diagnostics += arrived_quantized(model, options)
    with result.stage("passes"):
        watchers = (*instruments, *always(result.source, options))
        result.passes = PassManager(backend.phases(), watchers).run(model)
        result.weights = [*stored_weights(model)]
    with result.stage("lower"):
        program = backend.lower(model)
        result.ops = backend.count(program)
    with result.stage("schedule"):
        result.memory = backend.schedule(program)
    with result.stage("check"):
        result.diagnostics += backend.check(program)
    return model, program


def arrived_quantized(model: Model, options: CompileOptions) -> list[Diagnostic]:
    """Return a note when integer weights are asked for, but the model has its own already."""
    node = model.metadata_props.get(ARRIVED_QUANTIZED)
    if node is None or not options.integer_weights:
        return []
    given = f"--recipe {options.recipe}" if options.recipe else f"--weights {options.weights}"
    what = f"is quantized already, so {given} changes nothing"
    why = "rounding twice adds a second error; its own are kept"
    fix = "quantize the float model that it was made from"
    return [Diagnostic("MMC304", Severity.NOTE, repr(node), what, why, fix)]


def load_fixed(source: str | Path, options: CompileOptions) -> Model:
    """Load a model and fix its shapes."""
    model = load(source)
    if fix_shapes(model, options.input_shapes, options.dims, options.constants):
        infer(model)
    return model


def always(source: str | Path, options: CompileOptions) -> tuple[Instrument, ...]:
    """Return the instruments that are on in every compile."""
    return (
        Verify(),
        Reproducer(Path(source).stem, lambda: load_fixed(source, options)),
        Time(),
    )


def refuse(diagnostics: Sequence[Diagnostic], require_npu: bool) -> None:
    """Raise LegalityError when a finding forbids writing the artifact."""
    forbidden = {Severity.ERROR, Severity.WARNING} if require_npu else {Severity.ERROR}
    if any(d.severity in forbidden for d in diagnostics):
        raise LegalityError([d for d in diagnostics if d.severity in forbidden])


def _verify(result: CompileResult, model: Model, options: CompileOptions) -> None:
    """Run the artifact, the final IR and the original; a mismatch removes the artifact."""
    from mmc.verification.verify import examine

    with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
        final = Path(folder) / "final.onnx"
        save(model, final)
        subject = _subject(result, final, options)
        found = examine(subject, model, options)
        if options.verify_on == "htp" and found.passed:
            from mmc.backends.tflite.htp import verify_on_htp

            verify_on_htp(subject, result.target, found)
    result.verification = found
    result.diagnostics += [d for d in found.diagnostics if d not in found.errors]
    if not found.passed:
        raise VerifyError(found.errors)


def _subject(result: CompileResult, final: Path, options: CompileOptions) -> Subject:
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
    )


def _evaluate(result: CompileResult, model: Model, options: CompileOptions) -> None:
    """Measure the metric of the artifact and of the original."""
    from mmc.evaluation import evaluate_artifact, proxy_warning, refuse_overlap

    subject = _subject(result, result.source, options)
    shapes = {str(v.name): shape_of(v) for v in model.graph.inputs}
    if subject.channels_last:
        shapes = {n: (s[0], s[3], s[1], s[2]) if len(s) == 4 else s for n, s in shapes.items()}
    data = options.evaluation
    if options.calibration and data != options.calibration:
        refuse_overlap(shapes, options.calibration, options.calibration_samples, data)
    result.evaluation = evaluate_artifact(subject, shapes, data, options.metric)
    result.diagnostics += proxy_warning(result.evaluation)


def _check_budget(result: CompileResult, budget: Budget) -> None:
    """Compare every line; raises BudgetError when one is missed."""
    found = figures(result.bytes, result.cost, result.evaluation, budget)
    result.budget = check_budget(budget, found)
    if wrong := list(missed(budget, result.budget)):
        raise BudgetError(wrong)
