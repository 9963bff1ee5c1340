"""Shrink a model while a check still fails: fewer nodes, then smaller inputs, then plain weights.

Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE
TSE 2002) over ONNX: every candidate is valid ONNX before the check sees it, the order of candidates
is fixed, so equal checks give equal results.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import onnx

from mmc.debugging.binding import bind
from mmc.debugging.reduction_steps import PHASES, Candidate, Phase, tidy, valid
from mmc.diagnostics import UsageError
from mmc.files import check_output
from mmc.frontend.loading import read_proto
from mmc.options import CompileOptions
from mmc.saving import save_proto
from mmc.staging import working_folder

HOLE = "{}"
"""What stands for the model's path in a check command."""


@dataclass(frozen=True)
class Failure:
    """What counts as the failure: an exit code (None: any but 0) and a text in the output."""

    command: tuple[str, ...]
    exit_code: int | None = None
    text: str = ""
    seconds: float = 120.0

    def happens(self, path: Path) -> bool:
        """Run the command on the model at `path`; one that takes too long does not count.

        Raises:
            UsageError: MMC010 if the command cannot be started.
        """
        words = [word.replace(HOLE, str(path)) for word in self.command]
        try:
            done = subprocess.run(words, capture_output=True, timeout=self.seconds, check=False)
        except subprocess.TimeoutExpired:
            return False
        except OSError as error:
            why = error.strerror or str(error)
            raise UsageError("MMC010", words[0], "cannot be started", why=why) from error
        if done.returncode == 0 or self.exit_code not in (None, done.returncode):
            return False
        said = (done.stdout + done.stderr).decode(errors="replace")
        return self.text in said


@dataclass
class Reduced:
    """What is left, in nodes and bytes; `finished` says that no candidate was left to try."""

    nodes_before: int
    nodes: int
    bytes_before: int
    bytes: int
    tries: int
    seconds: float
    finished: bool


@dataclass
class _Reducer:
    failure: Failure
    folder: Path
    end: float
    model: onnx.ModelProto
    tries: int = 0
    known: dict[bytes, bool] = field(default_factory=dict)

    def fails(self, model: onnx.ModelProto) -> bool:
        """Say whether a candidate is valid and still fails; each content is tried once."""
        content = model.SerializeToString(deterministic=True)
        key = blake2b(content).digest()
        if key not in self.known:
            self.known[key] = valid(model) and self.try_out(content)
        return self.known[key]

    def try_out(self, content: bytes) -> bool:
        self.tries += 1
        path = self.folder / "candidate.onnx"
        path.write_bytes(content)
        return self.failure.happens(path)

    @property
    def late(self) -> bool:
        return time.monotonic() > self.end

    def run(self) -> bool:
        """Repeat the phases until none gains; returns False when time is up."""
        gained = True
        while gained:
            gained = False
            for phase in PHASES:
                shrink = self.bisect if phase.nested else self.shrink
                gained |= shrink(phase)
                if self.late:
                    return False
        return True

    def bisect(self, phase: Phase) -> bool:
        """Apply a reduction to as many of its first places as a bisection finds."""
        whole, kept = self.model, 0
        gone = phase.units(whole)
        while gone - kept > 1 and not self.late:
            middle = (kept + gone) // 2
            if self.accepts(phase.apply(whole, range(middle))):
                kept = middle
            else:
                gone = middle
        return kept > 0

    def shrink(self, phase: Phase) -> bool:
        """Apply a reduction to chunks of its places, halving them: all, halves, ..., single ones.

        The chunks go from the end to the start, so that what is left keeps its place.
        """
        gained = False
        size = max(phase.units(self.model), 1)
        while size and not self.late:
            stop = phase.units(self.model)
            while stop > 0 and not self.late:
                start = max(0, stop - size)
                gained |= self.accepts(phase.apply(self.model, range(start, stop)))
                stop = min(start, phase.units(self.model))
            size //= 2
        return gained

    def accepts(self, candidate: Candidate) -> bool:
        """Go on with a candidate if there is one and it still fails."""
        if candidate is None or not self.fails(tidy(candidate)):
            return False
        self.model = candidate
        return True


def reduce_model(
    source: str | Path,
    output: str | Path,
    failure: Failure,
    options: CompileOptions | None = None,
    *,
    seconds: float = 300.0,
) -> Reduced:
    """Write the smallest model found for which the check still fails.

    Args:
        options: shapes and constants to bind first.
        seconds: how long to search; what was reached by then is written.
    Raises:
        UsageError: MMC010 if the check has no `{}`, does not start, or passes on the whole model.
        ModelError: when the model cannot be read.
    """
    if not any(HOLE in word for word in failure.command):
        what = "does not say where the model goes"
        fix = f"mmc reduce MODEL -- CMD {HOLE}"
        raise UsageError("MMC010", shlex.join(failure.command) or "the check", what, fix=fix)
    check_output(Path(output))
    start = time.monotonic()
    model = bind(read_proto(source), options)
    with working_folder() as folder:
        reducer = _Reducer(failure, folder, start + seconds, model)
        content = model.SerializeToString(deterministic=True)
        if not reducer.try_out(content):
            what = "does not fail on the whole model"
            fix = "the check must exit with a code other than 0 (see --exit-code, --text)"
            raise UsageError("MMC010", shlex.join(failure.command), what, fix=fix)
        finished = reducer.run()
    save_proto(reducer.model, output)
    return Reduced(
        len(model.graph.node),
        len(reducer.model.graph.node),
        len(content),
        reducer.model.ByteSize(),
        reducer.tries,
        time.monotonic() - start,
        finished,
    )
