"""What watches passes: each instrument is one concern and knows nothing of any pass."""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path

from mmc.diagnostics import MmcError, PassError
from mmc.ir import Array, Model, print_ir, save
from mmc.pass_manager import Contract, Instrument, Pass, PassRecord


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
                if value.uses() and (value.type is None or value.shape is None):
                    self._fail(p, f"value {value.name!r} has no type or shape")
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
        raise PassError(
            "MMC192", f"pass {p.name}", what, why="the pass broke the model: a bug in mmc"
        )


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

    def before(self, p: Pass, model: Model) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    def after(self, p: Pass, model: Model, record: PassRecord) -> None:
        """Store what the pass took."""
        record.seconds = time.perf_counter() - self.started
        record.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@dataclass
class Reproducer(Instrument):
    """On failure, keep what `mmc opt --reproduce DIR` needs: the input, the passes, the error."""

    folder: Path
    source: Path
    done: list[str] = field(default_factory=list)

    def before(self, p: Pass, model: Model) -> None:
        """Remember the pass."""
        self.done.append(str(p))

    def failed(self, p: Pass, model: Model, error: Exception) -> None:
        """Write `reproduce.json`: re-running its pipeline on its input gives the same failure."""
        self.folder.mkdir(parents=True, exist_ok=True)
        story = {
            "input": str(self.source.resolve()),
            "pipeline": ",".join(self.done),
            "failed": str(p),
            "error": f"{type(error).__name__}: {error}",
        }
        (self.folder / "reproduce.json").write_text(json.dumps(story, indent=2) + "\n")
        if not isinstance(error, MmcError):
            raise PassError(
                "MMC193",
                f"pass {p}",
                f"failed with {story['error']}",
                why="a bug in mmc",
                fix=f"mmc opt --reproduce {self.folder} replays it; please send that folder",
            ) from error


@dataclass
class Equivalence(Instrument):
    """Run the model before and after every pass in ONNX Runtime and compare, as its contract says."""

    feeds: dict[str, Array]
    reference: dict[str, Array] | None = None

    def start(self, model: Model) -> None:
        """Compute the outputs of the model as it came."""
        from mmc.evaluate import run_model

        self.reference = run_model(model, self.feeds)

    def after(self, p: Pass, model: Model, record: PassRecord) -> None:
        """Compare, and let the new outputs be the next reference; raises PassError (MMC194)."""
        if not record.changes:
            return
        from mmc.evaluate import differences, run_model

        outputs = run_model(model, self.feeds)
        assert self.reference is not None
        if p.contract is not Contract.LOSSY:
            exact = p.contract is Contract.EXACT
            wrong = differences(self.reference, outputs, model, exact=exact)
            if wrong:
                raise PassError("MMC194", f"pass {p}", "changed the outputs", why="; ".join(wrong))
        self.reference = outputs
