"""The whole flow: ONNX in, a verified artifact and a report out."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmc.diagnostics import Diagnostic, FindingsError, LegalityError, Severity
from mmc.ir import Array, Model, load, save
from mmc.pass_manager import Instrument, PassManager, PassRecord
from mmc.shapes import fix_shapes
from mmc.target import Target, load_target


@dataclass(frozen=True)
class CompileOptions:
    """What a compile may be asked for; the words are the command line's."""

    input_shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
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
    verification: Any = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        spent = time.perf_counter() - wall, time.process_time() - cpu
        self.stages.append(Stage(name, *spent, peak))

    @property
    def bytes(self) -> int:
        """Size of the artifact."""
        return self.artifact.stat().st_size if self.artifact.exists() else 0


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
    result = CompileResult(source, artifact, where)
    with result.stage("load"):
        model = load(source)
        result.nodes_before = model.graph.num_nodes()
        fix_shapes(model, options.input_shapes, options.dims, options.constants)
    with result.stage("passes"):
        result.passes = PassManager(backend.phases(), instruments).run(model)
    with result.stage("lower"):
        program = backend.lower(model)
        result.ops = backend.count(program)
    with result.stage("check"):
        result.diagnostics += backend.check(program)
    refuse(result.diagnostics, options.require_npu)
    with result.stage("write"):
        backend.write(program, artifact)
    if options.verify:
        with result.stage("verify"):
            _verify(result, model, options)
    return result


def refuse(diagnostics: Sequence[Diagnostic], require_npu: bool) -> None:
    """Raise LegalityError when a finding forbids writing the artifact."""
    forbidden = {Severity.ERROR, Severity.WARNING} if require_npu else {Severity.ERROR}
    if any(d.severity in forbidden for d in diagnostics):
        raise LegalityError([d for d in diagnostics if d.severity in forbidden])


def _verify(result: CompileResult, model: Model, options: CompileOptions) -> None:
    """Run the artifact, the final IR and the original; a mismatch removes the artifact."""
    from mmc.verify import verify

    with tempfile.TemporaryDirectory(prefix="mmc-") as folder:
        final = Path(folder) / "final.onnx"
        save(model, final)
        try:
            result.verification = verify(
                result.artifact, result.source, final, model=model, options=options
            )
        except FindingsError:
            result.artifact.unlink(missing_ok=True)
            raise
