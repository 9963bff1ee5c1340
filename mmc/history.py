"""The model after every pass, as files that share their weights: what bisect searches through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mmc.ir import Model, save
from mmc.pass_manager import Instrument, Pass, PassRecord
from mmc.verification.tensors import moved_axes


@dataclass(frozen=True)
class State:
    """A model between two passes; `run` counts pass runs, 0 is the model as it was loaded."""

    run: int
    passed: str
    phase: str
    path: Path
    moved: dict[str, list[int]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"pass {self.passed!r} (run {self.run}, phase {self.phase})" if self.run else "load"


@dataclass
class History(Instrument):
    """Write the model to `folder` after every pass that changed it; memory holds one model only."""

    folder: Path
    states: list[State] = field(default_factory=list)
    runs: int = 0

    def start(self, model: Model) -> None:
        """Write the model as it came."""
        self._write(model, "load", "")

    def after(self, p: Pass, model: Model, record: PassRecord) -> None:
        """Write the model when it changed."""
        self.runs += 1
        if record.changes:
            self._write(model, str(p), record.phase)

    def _write(self, model: Model, passed: str, phase: str) -> None:
        path = self.folder / f"{self.runs:03d}.onnx"
        save(model, path, weights=self.folder / "weights")
        self.states.append(State(self.runs, passed, phase, path, moved_axes(model)))


def first_bad(states: list[State], is_good: Callable[[State], bool]) -> int | None:
    """Return the index of the first bad state, or None if the last one is good.

    Binary search: what a pass broke stays broken. About log2(len(states)) + 2 calls.
    """
    if is_good(states[-1]):
        return None
    if not is_good(states[0]):
        return 0
    low, high = 0, len(states) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if is_good(states[middle]):
            low = middle
        else:
            high = middle
    return high
