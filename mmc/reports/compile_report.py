"""The report of one compile: plain data with a stable JSON form (docs/report.schema.json)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import mmc
from mmc.auto.trials import Search
from mmc.budget import BudgetLine
from mmc.cost import CostEstimate
from mmc.diagnostics import OFF_NPU, Diagnostic, MmcError, Severity
from mmc.integers.kept_float import KeptFloat
from mmc.integers.stored_weights import StoredWeight
from mmc.reports.layers import Layer
from mmc.reports.verification import Verification, verification
from mmc.vendor_verdict import VendorVerdict

if TYPE_CHECKING:
    from mmc.evaluation import Evaluation
    from mmc.options import CompileOptions
    from mmc.result import CompileResult
    from mmc.schedule import Schedule

SCHEMA = "mmc.compile-report/1"


@dataclass(frozen=True)
class File:
    """A file and its size."""

    path: str
    bytes: int


@dataclass(frozen=True)
class Operators:
    """ONNX nodes before; emitted operators after, by kind, most frequent first."""

    before: int
    after: int
    kinds: dict[str, int]
    transposes: int
    on_npu: int | None


@dataclass(frozen=True)
class Memory:
    """What the activations need in the order of the artifact, and in that of the model.

    `peak_bytes` are in use at once; they lie in a block of `arena_bytes`. With the same sharing of
    memory (`in_place` operators overwrite an input, `aliases` show one) no order has a peak below
    `lower_bound_bytes`.
    """

    peak_bytes: int
    arena_bytes: int
    lower_bound_bytes: int
    peak_bytes_before: int
    arena_bytes_before: int
    in_place: int
    aliases: int


@dataclass(frozen=True)
class Measured:
    """A metric of the original and of the artifact, and the drop in percent of the original's.

    The drop's 95 % interval is a paired bootstrap. A `proxy` compares with the original's outputs.
    """

    metric: str
    samples: int
    original: float
    artifact: float
    drop_low_percent: float
    drop_high_percent: float
    proxy: bool
    drop_percent: float


@dataclass(frozen=True)
class Stage:
    """What a stage took; the peak is the process's so far."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class PassRun:
    """One run of one pass; `sqnr_db` with --check, None for equal outputs."""

    name: str
    phase: str
    changes: int
    nodes: int
    seconds: float
    peak_bytes: int
    sqnr_db: float | None


@dataclass(frozen=True)
class Finding:
    """One diagnostic."""

    code: str
    severity: str
    where: str
    what: str
    why: str
    fix: str

    def diagnostic(self) -> Diagnostic:
        """Return the diagnostic that it was."""
        return Diagnostic(**{**vars(self), "severity": Severity(self.severity)})


@dataclass(frozen=True)
class CompileReport:
    """Everything about one compile. `status` is ok, findings (exit 1) or failed (exit 2)."""

    schema: str
    mmc: str
    status: str
    exit_code: int
    model: File
    target: str
    options: dict[str, Any]
    artifact: File | None
    operators: Operators
    memory: Memory | None
    verification: Verification | None
    cost: CostEstimate | None
    evaluation: Measured | None
    search: Search | None
    weights: list[StoredWeight] = field(default_factory=list)
    kept_float: list[KeptFloat] = field(default_factory=list)
    budget: list[BudgetLine] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    passes: list[PassRun] = field(default_factory=list)
    diagnostics: list[Finding] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    vendor: list[VendorVerdict] = field(default_factory=list)
    cached: bool = False

    @classmethod
    def of(
        cls, result: CompileResult, options: CompileOptions, error: MmcError | None = None
    ) -> CompileReport:
        """Return the report of a result, complete or as far as it came before `error`."""
        code = error.exit_code if error else 0
        found = [*(error.diagnostics if error else ()), *result.diagnostics]
        made, source = result.artifact.exists() and error is None, result.source
        return cls(
            schema=SCHEMA,
            mmc=mmc.__version__,
            status=("ok", "findings", "failed")[code],
            exit_code=code,
            model=File(str(source), source.stat().st_size if source.is_file() else 0),
            target=result.target.name,
            options=options_json(options),
            artifact=File(str(result.artifact), result.bytes) if made else None,
            operators=operators(result),
            memory=memory(result.memory) if result.memory else None,
            verification=verification(result.verification) if result.verification else None,
            cost=result.cost,
            evaluation=evaluation(result.evaluation) if result.evaluation else None,
            search=result.search,
            weights=list(result.weights),
            kept_float=list(result.kept_float),
            budget=list(result.budget),
            stages=[Stage(**vars(s)) for s in result.stages],
            passes=[PassRun(**vars(p)) for p in result.passes],
            diagnostics=[Finding(**d.to_json()) for d in dict.fromkeys(found)],
            vendor=list(result.vendor),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready data."""
        return asdict(self)


def options_json(options: CompileOptions) -> dict[str, Any]:
    """Return the options with the shapes of arrays in place of the arrays."""
    shown = dict(vars(options))
    for name in ("constants", "inputs"):
        arrays = shown[name]
        shown[name] = arrays and {k: f"{a.dtype}{list(a.shape)}" for k, a in arrays.items()}
    shown["input_shapes"] = {k: list(v) for k, v in options.input_shapes.items()}
    shown["sizes"] = {name: str(given) for name, given in options.sizes.items()}
    return {**shown, "dims": dict(options.dims)}


def operators(result: CompileResult) -> Operators:
    """Return the counts; an operator is off the NPU if a warning of OFF_NPU names it."""
    total = sum(result.ops.values())
    off = sum(d.code in OFF_NPU and d.severity is Severity.WARNING for d in result.diagnostics)
    off = total if result.fails_on_npu else off
    on_npu = total - off if result.target.runs_on == "npu" and total else None
    transposes = sum(n for code, n in result.ops.items() if code.upper() == "TRANSPOSE")
    return Operators(result.nodes_before, total, dict(result.ops), transposes, on_npu)


def memory(found: Schedule) -> Memory:
    """Return what the activations need."""
    old, new = found.before, found.after
    least, views = new.lower_bound, (new.in_place, new.aliases)
    earlier = (old.peak_bytes, old.arena_bytes)
    return Memory(new.peak_bytes, new.arena_bytes, least, *earlier, *views)


def evaluation(found: Evaluation) -> Measured:
    """Return what a metric says."""
    return Measured(**vars(found), drop_percent=found.drop_percent)
