"""What a compile makes, finds and takes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.auto.trials import Search
from mmc.budget import BudgetLine
from mmc.cost import CostEstimate
from mmc.diagnostics import NOT_COMPILED, UNWRITABLE, Diagnostic, MmcError
from mmc.files import remove, size_of, unwritable
from mmc.integers.kept_float import KeptFloat
from mmc.integers.stored_weights import StoredWeight
from mmc.pass_manager import PassRecord
from mmc.progress import Progress
from mmc.staging import put, staged
from mmc.target import Target
from mmc.vendor_verdict import VendorVerdict
from mmc.verification.execute import peak_memory

if TYPE_CHECKING:
    from mmc.evaluation import Evaluation
    from mmc.schedule import Schedule
    from mmc.verification.result import VerifyResult


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
    vendor: list[VendorVerdict] = field(default_factory=list)
    search: Search | None = None
    weights: list[StoredWeight] = field(default_factory=list)
    kept_float: list[KeptFloat] = field(default_factory=list)
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
        """Make the artifact in a folder of its own; it gets its name when the block ends well.

        What was there before stays until then, also when the process is killed. An error gets this
        result, for its report.

        Raises:
            EmitError: MMC401 where the artifact cannot be put in its place.
        """
        final = self.artifact
        try:
            with staged(final) as self.artifact:
                yield
                if self.compiled:
                    self._keep_compiled(self.compiled, final.with_name(self.compiled.name))
        except MmcError as error:
            error.result = self
            error.diagnostics = self.moved(error.diagnostics, final)
            raise
        except OSError as error:
            if error.errno in UNWRITABLE:
                raise unwritable(final, str(error)) from error
            raise
        finally:
            self.diagnostics = list(self.moved(self.diagnostics, final))
            self.compiled = self.compiled and final.with_name(self.compiled.name)
            self.artifact = final

    def _keep_compiled(self, made: Path, final: Path) -> None:
        """Put the vendor's artifact in its place; one of an earlier compile does not stay."""
        if made.exists():
            put(made, final)
        else:
            remove(final)

    def moved(self, found: Sequence[Diagnostic], final: Path) -> tuple[Diagnostic, ...]:
        """Return findings that name the artifact's last place, not the one where it was made."""
        old, new = f"{self.artifact.parent}/", str(final)[: -len(final.name)]
        names = ("where", "why", "fix")
        texts = [{k: getattr(d, k).replace(old, new) for k in names} for d in found]
        return tuple(replace(d, **text) for d, text in zip(found, texts, strict=True))

    @property
    def fails_on_npu(self) -> bool:
        """Whether the target's compiler fails on what it selects: nothing runs on the NPU then."""
        own = (v for v in self.vendor if v.total and v.architecture == self.target.architecture)
        for verdict in own:
            return not verdict.compiled
        return any(d.code == NOT_COMPILED for d in self.diagnostics)

    @property
    def bytes(self) -> int:
        """Size of the artifact."""
        return size_of(self.artifact)


def cpu_seconds() -> float:
    """Return the CPU time of this process and of the children that ended."""
    return sum(os.times()[:4])
