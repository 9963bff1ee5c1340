"""The whole flow: ONNX in, a verified artifact and a report out."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.diagnostics import Diagnostic, LegalityError, MmcError, Severity, VerifyError
from mmc.execute import peak_memory
from mmc.files import check_output
from mmc.instruments import Reproducer, Time, Verify
from mmc.ir import Array, Model, load, save
from mmc.pass_manager import Instrument, PassManager, PassRecord
from mmc.shapes import fix_shapes, infer
from mmc.target import Target, load_target

if TYPE_CHECKING:
    from mmc.backends.tflite.backend import TfliteBackend
    from mmc.backends.tflite.program import Program
    from mmc.verify_result import VerifyResult


@dataclass(frozen=True)
class CompileOptions:
    """What a compile may be asked for; the words are the command line's."""

    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dims: Mapping[str, int] = field(default_factory=dict)
    constants: Mapping[str, Array] = field(default_factory=dict)
    io_layout: str = "keep"
    keep_int64: bool = False
    weights: str = "float32"
    optimize: str = "latency"
    require_npu: bool = False
    inputs: Mapping[str, Array] | None = None
    verify: bool = True
    seed: int = 0


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
    verification: VerifyResult | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage, also one that fails; CPU time includes that of child processes."""
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
            self.artifact.unlink(missing_ok=True)
            if isinstance(error, MmcError):
                error.result = self
            raise

    @property
    def bytes(self) -> int:
        """Size of the artifact."""
        return self.artifact.stat().st_size if self.artifact.exists() else 0


def cpu_seconds() -> float:
    """Return the CPU time of this process and of the children that ended."""
    return sum(os.times()[:4])


def compile_model(
    path: str | Path,
    target: str,
    output: str | Path | None = None,
    options: CompileOptions | None = None,
    instruments: Sequence[Instrument] = (),
) -> CompileResult:
    """Compile one ONNX model for one target; the artifact is executed and compared (`verify`).

    Raises:
        MmcError: with coded diagnostics; no artifact is left behind then.
    """
    from mmc.backends.tflite.backend import TfliteBackend

    options = options or CompileOptions()
    source, where = Path(path), load_target(target)
    backend = TfliteBackend(where, options)
    artifact = Path(output) if output else Path(f"{source.stem}.{where.name}{backend.suffix}")
    check_output(artifact)
    result = CompileResult(source, artifact, where)
    with result.kept():
        model, program = _to_program(result, backend, options, instruments)
        refuse(result.diagnostics, options.require_npu)
        with result.stage("write"):
            backend.write(program, artifact)
        if options.verify:
            with result.stage("verify"):
                _verify(result, model, options)
    return result


def check_file(
    path: str | Path, target: str, options: CompileOptions | None = None
) -> list[Diagnostic]:
    """Return every finding on a model or a .tflite artifact; nothing is written.

    Raises:
        MmcError: when it cannot be read, or a pass fails.
    """
    from mmc.backends.tflite.backend import TfliteBackend
    from mmc.backends.tflite.reader import read

    options = options or CompileOptions()
    source, where = Path(path), load_target(target)
    backend = TfliteBackend(where, options)
    if source.suffix == backend.suffix:
        return backend.check(read(source))
    result = CompileResult(source, source, where)
    try:
        _to_program(result, backend, options, ())
    except LegalityError as error:
        return [*error.diagnostics]
    return result.diagnostics


def _to_program(
    result: CompileResult,
    backend: TfliteBackend,
    options: CompileOptions,
    instruments: Sequence[Instrument],
) -> tuple[Model, Program]:
    """Return the final IR and its program; the target's findings are in the result."""
    with result.stage("load"):
        model = load_fixed(result.source, options)
        result.nodes_before = model.graph.num_nodes()
    with result.stage("passes"):
        watchers = (*instruments, *always(result.source, options))
        result.passes = PassManager(backend.phases(), watchers).run(model)
    with result.stage("lower"):
        program = backend.lower(model)
        result.ops = backend.count(program)
    with result.stage("check"):
        result.diagnostics += backend.check(program)
    return model, program


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
    from mmc.trial import Subject
    from mmc.verify import examine

    with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
        final = Path(folder) / "final.onnx"
        save(model, final)
        subject = Subject(
            result.artifact,
            final,
            result.source,
            dict(options.constants),
            options.io_layout == "nhwc",
        )
        found = examine(subject, model, options)
    result.verification = found
    result.diagnostics += [d for d in found.diagnostics if d not in found.errors]
    if not found.passed:
        raise VerifyError(found.errors)
