"""The whole flow: ONNX in, a verified artifact and a report out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmc.backends.base import artifact_path, load_backend
from mmc.budget import refuse_unchecked
from mmc.diagnostics import Diagnostic, Severity, UsageError, refuse
from mmc.files import check_artifact
from mmc.freed import Freed, give_back, let_go, settle
from mmc.generalizing import Case, first_of, generalize
from mmc.instruments import Reproducer, Time, Verify
from mmc.integers.arrival import arrived_quantized, as_quantized, own_codes
from mmc.integers.kept_float import kept_float
from mmc.integers.stored_weights import stored_weights
from mmc.ir import Model, load
from mmc.options import AUTO, CompileOptions
from mmc.pass_manager import Instrument, PassManager
from mmc.progress import Progress
from mmc.proving import prove
from mmc.result import CompileResult
from mmc.shapes import fix_shapes, infer
from mmc.target import Target, load_target
from mmc.values import UNSETTLED, UNSETTLED_PHASES

if TYPE_CHECKING:
    from mmc.backends.base import Backend


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
        MmcError: with coded diagnostics; the artifact is as it was before then.
    """
    source, where = Path(path), load_target(target)
    options = settled(options or CompileOptions(), where)
    if options.budget:
        refuse_unchecked(options.budget, where, bool(options.evaluation))
    backend = load_backend(where.backend)(where, options)
    artifact = Path(output) if output else artifact_path(source, where)
    check_artifact(artifact, where.backend)
    result = CompileResult(source, artifact, where, progress=progress or Progress())
    instruments = (*instruments, result.progress)
    with result.kept():
        start = first_of(options, backend)
        model = to_final(result, backend, start, instruments)
        start, options = (as_quantized(o, model) for o in (start, options))
        program = lowered(result, backend, model, keep=needs_model(options))
        cases = [Case(start, model, program)]
        refuse(result.diagnostics, options.require_npu)
        if options.sizes:
            with result.stage("sizes"):
                program, cases = _generalize(result, backend, options, cases[0])
            refuse(result.diagnostics, options.require_npu)
        with result.stage("write"):
            backend.write(program, result.artifact)
        prove(result, backend, program, cases, options)
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
        if getattr(options, name) == AUTO:
            fix = "say a type; `mmc compile` chooses one"
            raise UsageError("MMC002", f"--{name} auto", "is for mmc compile only", fix=fix)
    return replace(options, precision=options.precision or target.precision)


def needs_model(options: CompileOptions) -> bool:
    """Say whether something will be asked of the final IR once it is lowered."""
    return bool(options.verify or options.sizes or options.evaluation)


def to_program(
    result: CompileResult,
    backend: Backend,
    options: CompileOptions,
    instruments: Sequence[Instrument],
) -> tuple[Model, Any]:
    """Return the final IR and its program; the target's findings are in the result."""
    model = to_final(result, backend, options, instruments)
    return model, lowered(result, backend, model)


def to_final(
    result: CompileResult,
    backend: Backend,
    options: CompileOptions,
    instruments: Sequence[Instrument],
) -> Model:
    """Return the final IR."""
    with result.stage("load"):
        model = load_fixed(result.source, options)
        result.nodes_before = model.graph.num_nodes()
        result.diagnostics += arrived_quantized(model, options)
        give_back()
    if options.evaluation:
        from mmc.evaluation import refuse_early

        with result.stage("data"):
            refuse_early(model, options)
    with result.stage("passes"):
        watchers = (*instruments, *always(result.source, options))
        result.passes = PassManager(backend.phases(), watchers).run(model)
        result.diagnostics += [*own_codes(model), *unsettled(model)]
        float_bits = 16 if options.precision == "float16" else 32
        result.weights = [*stored_weights(model, float_bits)]
        result.kept_float = [*kept_float(model)]
        settle(model)
    return model


def lowered(result: CompileResult, backend: Backend, model: Model, *, keep: bool = True) -> Any:
    """Return the program; unless `keep`, the nodes of the IR are gone."""
    with result.stage("lower"):
        program = backend.lower(model)
        if not keep:
            let_go(model)
        result.ops = backend.count(program)
    with result.stage("schedule"):
        result.memory = backend.schedule(program)
    with result.stage("check"):
        result.diagnostics += backend.check(program)
    return program


def unsettled(model: Model) -> list[Diagnostic]:
    """Return what is to be said of rules that undid each other, and of phases; it is said once."""
    found = []
    why, fix = "a bug in mmc; the model is right, maybe slower", "report it"
    if names := model.metadata_props.pop(UNSETTLED, ""):
        what = "undo each other on this model"
        found.append(Diagnostic("MMC195", Severity.NOTE, f"rules {names}", what, why, fix))
    if names := model.metadata_props.pop(UNSETTLED_PHASES, ""):
        what = "still changed the model when the rounds were over"
        found.append(Diagnostic("MMC196", Severity.NOTE, f"phases {names}", what, why, fix))
    return found


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
        Freed(),
        Time(),
    )
