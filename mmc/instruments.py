"""What watches passes: each instrument is one concern and knows nothing of any pass."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.diagnostics import MmcError, PassError
from mmc.ir import Model, print_ir, save
from mmc.pass_manager import Instrument, Pass, PassRecord
from mmc.verification.execute import peak_memory

if TYPE_CHECKING:
    from mmc.options import CompileOptions


@dataclass
class Verify(Instrument):
    """Check use lists, names, order, types and shapes after every pass that changed something."""

    def after(self, p: Pass, model: Model, record: PassRecord) -> None:
        """Raise PassError (MMC192) for the first thing that is wrong."""
        if not record.changes:
            return
        names: set[str] = set()
        ready = {*model.graph.inputs, *model.graph.initializers.values()}
        for value in ready:
            self._name(p, value.name, names)
        for node in model.graph:
            for operand in node.inputs:
                if operand is not None and operand not in ready:
                    self._fail(p, f"node {node.name!r} reads {operand.name!r} before it is made")
            for value in node.outputs:
                ready.add(value)
                self._name(p, value.name, names)
                # the shape may still hang on a branch that later rounds decide
                if value.uses() and value.type is None:
                    self._fail(p, f"value {value.name!r} has no type")
        for value in model.graph.outputs:
            if value not in ready:
                self._fail(p, f"output {value.name!r} is not made by any node")

    def _name(self, p: Pass, name: str | None, names: set[str]) -> None:
        if not name:
            return
        if name in names:
            self._fail(p, f"two values are named {name!r}")
        names.add(name)

    def _fail(self, p: Pass, what: str) -> None:
        raise PassError("MMC192", f"pass {p.name}", what, why="the pass broke the model")


@dataclass
class Dump(Instrument):
    """Write `003-fuse.ir` (and `.onnx`) after every pass that changed something."""

    folder: Path
    number: int = 0

    def start(self, model: Model) -> None:
        """Write the model as it came."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write(model, "input")

    def after(self, p: Pass, model: Model, record: PassRecord) -> None:
        """Write the model when it changed; the number counts pass runs, so it is stable."""
        self.number += 1
        if record.changes:
            self._write(model, p.name)

    def _write(self, model: Model, name: str) -> None:
        stem = self.folder / f"{self.number:03d}-{name}"
        stem.with_suffix(".ir").write_text(print_ir(model, digests=True))
        save(model, stem.with_suffix(".onnx"), weights=self.folder / "weights")


@dataclass
class Time(Instrument):
    """Measure seconds and peak memory of every pass."""

    started: float = 0.0
    peak: int = 0

    def before(self, p: Pass, model: Model) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    def after(self, p: Pass, model: Model, record: PassRecord) -> None:
        """Store what the pass took; the kernel is not asked for the peak of one that did nothing.

        What such a pass held for a moment counts in the next one's.
        """
        record.seconds = time.perf_counter() - self.started
        if record.changes or not self.peak:
            self.peak = peak_memory()
        record.peak_bytes = self.peak


@dataclass
class Reproducer(Instrument):
    """When a pass fails by a bug, keep the model right before it: `mmc opt --reproduce DIR`.

    A pass that changed what the model computes (MMC194) stays that, with the model beside it.

    `reload` gives the model as it was at the start; the passes before the failing one run again.
    """

    name: str
    reload: Callable[[], Model]
    done: list[Pass] = field(default_factory=list)

    def before(self, p: Pass, model: Model) -> None:
        """Remember the pass."""
        self.done.append(p)

    def failed(self, p: Pass, model: Model, error: Exception) -> None:
        """Raise PassError (MMC193) for what is not the user's fault, and say where the story is."""
        if isinstance(error, MmcError) and not isinstance(error, PassError):
            return
        folder = self.keep(p, error)
        owner = type(p).__module__.partition(".")[0]
        fix = f"a bug in {owner}: please send {folder}; mmc opt --reproduce {folder} replays it"
        if isinstance(error, PassError):
            found = error.diagnostics[0]
            fix = "; ".join(filter(None, (found.fix, fix)))
            raise PassError(found.code, found.where, found.what, why=found.why, fix=fix) from error
        why = f"{type(error).__name__}: {error}"
        raise PassError("MMC193", f"pass {p}", "failed", why=why, fix=fix) from error

    def keep(self, p: Pass, error: Exception) -> Path:
        """Write the model as it was before the pass, and what happened; return the folder."""
        folder = Path(tempfile.mkdtemp(prefix=f"mmc-failure-{self.name[:40]}-"))
        story = {"pipeline": str(p), "error": f"{type(error).__name__}: {error}"}
        try:
            before = self.reload()
            for earlier in self.done[:-1]:
                earlier.run(before)
            save(before, folder / "model.onnx")
        except Exception:  # what led here may not be repeatable; the original error matters
            save(self.reload(), folder / "model.onnx")
            story["pipeline"] = ",".join(str(earlier) for earlier in self.done)
        (folder / "reproduce.json").write_text(json.dumps(story, indent=2) + "\n")
        return folder


def looking(
    dump_ir: Path | None, check: bool, layers: bool, options: CompileOptions
) -> tuple[Instrument, ...]:
    """Return the instruments that `--dump-ir`, `--check` and `--check-layers` ask for."""
    watchers: list[Instrument] = [Dump(dump_ir)] if dump_ir else []
    if check or layers:
        from mmc.verification.equivalence import Equivalence

        data = options.calibration
        watchers.append(Equivalence(options.inputs, options.seed, layers, data))
    return tuple(watchers)
