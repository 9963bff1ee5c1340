"""What a compile makes, finds and takes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.budget import BudgetLine
from mmc.cost import CostEstimate
from mmc.diagnostics import Diagnostic, MmcError
from mmc.files import remove, size_of
from mmc.pass_manager import PassRecord
from mmc.progress import Progress
from mmc.stored_weights import StoredWeight
from mmc.target import Target
from mmc.trials import Search
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
