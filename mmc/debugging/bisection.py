"""Find where numbers go wrong: the first pass, then the first tensor and node; or the emission."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from mmc.backends.base import Backend, load_backend, suffix_of
from mmc.compiler import always, load_fixed, settled
from mmc.debugging.artifact_suspects import first_wrong
from mmc.debugging.suspects import Suspect, Trace, trace
from mmc.diagnostics import EmitError, LegalityError, UsageError
from mmc.history import History, State, first_bad
from mmc.ir import Model
from mmc.options import CompileOptions
from mmc.pass_manager import PassManager
from mmc.staging import working_folder
from mmc.target import load_target
from mmc.verification import reference
from mmc.verification.casting import Array
from mmc.verification.evaluate import Comparison, compare
from mmc.verification.execute import execute
from mmc.verification.inputs import draw_inputs
from mmc.verification.pictures import show_pictures
from mmc.verification.result import FLOOR_SLACK_DB, shortfall
from mmc.verification.rounding_floor import floor_db
from mmc.verification.tensors import run_file
from mmc.verification.trial import Subject
from mmc.verification.verify import FLOAT_DB, NARROW_DB

HOLE = "{}"
"""What stands for the model's path in a check command."""


@dataclass(frozen=True)
class Step:
    """One model that was tried."""

    what: str
    good: bool
    detail: str


@dataclass
class Bisection:
    """What was found. `run` counts pass runs.

    `guilty` is loading, pass, emission, nothing, or original: a command refuses the model itself.
    """

    guilty: str = "nothing"
    run: int = 0
    passed: str = ""
    phase: str = ""
    tensor: Comparison | None = None
    shortfall: str = ""
    nodes: list[Suspect] = field(default_factory=list)
    states: int = 0
    steps: list[Step] = field(default_factory=list)
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data (mmc.bisection/1)."""
        data = asdict(self) | {"tensor": self.tensor and self.tensor.to_json()}
        return {"schema": "mmc.bisection/1", **data}


def bisect(
    source: str | Path,
    target: str,
    options: CompileOptions | None = None,
    *,
    tolerance_db: float | None = None,
    command: Sequence[str] = (),
    seconds: float = 600.0,
) -> Bisection:
    """Find the first pass after which a model is wrong, and the tensor and nodes there.

    Args:
        tolerance_db: least SQNR of every tensor; None: 80 dB, or 10 dB below the rounding floor.
        command: judges each model instead of numbers: exit code 0 is good, others are bad; `{}`
            stands for the path of the model, as standard ONNX.
        seconds: the longest that one call of the command may take.
    Raises:
        MmcError: when the model does not load, a pass fails, or `command` has no `{}` (MMC010).
    """
    where = load_target(target)
    options = settled(options or CompileOptions(), where)
    if command and not any(HOLE in word for word in command):
        fix = f"write {HOLE} where the path goes"
        raise UsageError(
            "MMC010", shlex.join(command), "does not say where the model goes", fix=fix
        )
    backend = load_backend(where.backend)(where, options)
    with working_folder() as folder:
        search = _Search(Path(source), backend, options, folder, suffix_of(where.backend))
        return search.run(tolerance_db, list(command), seconds)


@dataclass
class _Search:
    """One bisection and its files."""

    source: Path
    backend: Backend
    options: CompileOptions
    folder: Path
    suffix: str
    found: Bisection = field(default_factory=Bisection)
    feeds: Mapping[str, Array] = field(default_factory=dict)
    expected: dict[str, Array] = field(default_factory=dict)
    least: dict[str, float] = field(default_factory=dict)

    def run(self, tolerance_db: float | None, command: list[str], seconds: float) -> Bisection:
        model, states = self.compile()
        if not command:
            self.measure(states[0], tolerance_db)
        judge = self.numbers if not command else self.judge_by(command, seconds)
        self.found.states = len(states)
        bad = first_bad(states, self.tried(judge))
        lowest = min([FLOAT_DB if tolerance_db is None else tolerance_db, *self.least.values()])
        if bad is None:
            if not command:
                half = self.options.precision == "float16" and tolerance_db is None
                self.emission(
                    model, states[-1], min(lowest, NARROW_DB) if half else lowest, half=half
                )
            if not command and self.found.guilty == "nothing":
                self.hidden(states, FLOAT_DB if tolerance_db is None else tolerance_db)
        elif bad == 0:
            self.found.guilty = "loading"
            if command and (detail := run_command(filled(command, self.source), seconds)):
                self.found.guilty = "original"
                self.found.steps.append(Step(f"the original, {self.source}", False, detail))
        else:
            self.blame(states[bad], trace(states[bad - 1], states[bad], self.feeds, lowest), lowest)
        return self.found

    def compile(self) -> tuple[Model, list[State]]:
        """Run every pass, keeping the states on disk; draw inputs unless some are given."""
        history = History(self.folder)
        model = load_fixed(self.source, self.options)
        shown, seed = self.options.pictures, self.options.seed
        given = self.options.inputs or draw_inputs(model, seed)
        self.feeds = show_pictures(given, shown, seed, redraw=not self.options.inputs)
        watchers = (history, *always(self.source, self.options))
        PassManager(self.backend.phases(), watchers).run(model)
        return model, history.states

    def measure(self, loaded: State, tolerance_db: float | None) -> None:
        """Run the original (else the model as loaded), and see what rounding alone does."""
        given = {**self.feeds, **self.options.constants}
        try:
            self.expected = execute(reference.JOB, self.source, given).outputs
        except EmitError as error:
            self.found.note = f"the original does not run ({error.diagnostics[0].what}): "
            self.found.note += "the model as mmc loaded it is the reference"
            self.expected = run_file(loaded.path, self.feeds)
        moved: dict[str, Array] = {}
        if tolerance_db is None:
            try:
                moved = run_file(loaded.path, self.feeds, perturbed=1)
            except EmitError:  # then no floor is known
                self.found.note += "; no rounding floor is known" if self.found.note else ""
        for name, value in self.expected.items():
            floor = floor_db(name, value, [moved]) - FLOOR_SLACK_DB
            self.least[name] = FLOAT_DB if tolerance_db is None else tolerance_db
            self.least[name] = min(self.least[name], floor) if isfinite(floor) else self.least[name]

    def tried(self, judge: Callable[[State], str], what: str = "after") -> Callable[[State], bool]:
        """Return the judge as a predicate that keeps a record; a state is judged once."""
        known: dict[int, bool] = {}

        def good(state: State) -> bool:
            if state.run not in known:
                detail = judge(state)
                known[state.run] = not detail
                self.found.steps.append(Step(f"{what} {state}", not detail, detail))
            return known[state.run]

        return good

    def numbers(self, state: State) -> str:
        """Return what is wrong with the outputs of a state; "" if nothing."""
        try:
            outputs = run_file(state.path, self.feeds, (), state.moved)
        except EmitError as error:
            return str(error.diagnostics[0].what)
        return "; ".join(filter(None, (self.wrong(n, outputs.get(n)) for n in self.expected)))

    def wrong(self, name: str, actual: Array | None) -> str:
        if actual is None or actual.shape != self.expected[name].shape:
            return f"output {name!r} is missing or has another shape"
        found, least = compare(name, self.expected[name], actual), self.least[name]
        return "" if found.passes(least) else f"output {name!r}: {shortfall(found, least)}"

    def judge_by(self, command: list[str], seconds: float) -> Callable[[State], str]:
        def judge(state: State) -> str:
            return run_command(filled(command, standard(state.path)), seconds)

        return judge

    def hidden(self, states: list[State], least: float) -> None:
        """Look for an inner tensor that a pass broke although the outputs do not tell."""
        last = trace(states[0], states[-1], self.feeds, least)
        if last.tensor is None:
            return
        name = last.tensor.name
        expected = run_file(states[0].path, self.feeds, [name])[name]
        try:
            moved = run_file(states[0].path, self.feeds, [name], perturbed=1)
            least = min(least, floor_db(name, expected, [moved]) - FLOOR_SLACK_DB)
        except EmitError:  # then no floor is known
            pass

        def judge(state: State) -> str:
            actual = run_file(state.path, self.feeds, [name], state.moved).get(name)
            if actual is None or actual.shape != expected.shape:
                return ""
            found = compare(name, expected, actual)
            return "" if found.passes(least) else f"tensor {name!r}: {shortfall(found, least)}"

        bad = first_bad(states, self.tried(judge, f"tensor {name!r} after"))
        if bad:
            self.found.note = "the outputs do not show it on these inputs"
            self.blame(states[bad], trace(states[bad - 1], states[bad], self.feeds, least), least)

    def blame(self, state: State, found: Trace, least: float) -> None:
        """Say which pass, tensor and nodes it was."""
        self.found.guilty = "pass"
        self.found.run, self.found.passed, self.found.phase = state.run, state.passed, state.phase
        self.found.tensor, self.found.nodes = found.tensor, found.nodes
        self.found.shortfall = shortfall(found.tensor, least) if found.tensor else ""

    def emission(self, model: Model, final: State, least: float, *, half: bool) -> None:
        """Compare the artifact with the last state: its outputs, and then tensor by tensor."""
        artifact = self.folder / f"artifact{self.suffix}"
        try:
            program = self.backend.lower(model)
            self.backend.write(program, artifact)
        except LegalityError as error:
            self.found.note = f"no artifact: {error.diagnostics[0].where}: "
            self.found.note += error.diagnostics[0].what
            return
        given = {
            n: x.transpose(final.moved[n]) if n in final.moved else x for n, x in self.feeds.items()
        }
        rounding = self.options.precision if artifact.is_dir() else ""
        pictures = self.options.pictures
        subject = Subject(artifact, final.path, self.source, rounding=rounding, pictures=pictures)
        outputs = list(self.expected)
        wrong = first_wrong(self.backend, program, subject, given, outputs, least, half=half)
        if wrong is not None:
            self.found.guilty, self.found.tensor = "emission", wrong.tensor
            self.found.shortfall = shortfall(wrong.tensor, wrong.least_db)
            self.found.nodes = wrong.nodes
        self.found.steps.append(Step("the artifact", wrong is None, self.found.shortfall))


def filled(command: Sequence[str], path: Path) -> list[str]:
    """Return a command with the path in its place."""
    return [word.replace(HOLE, str(path)) for word in command]


def standard(path: Path) -> Path:
    """Write a state without mmc's functions next to it, so that every tool can read it."""
    import onnx
    from onnx.inliner import inline_local_functions

    proto = onnx.load(path, load_external_data=False)
    target = path.with_name(f"{path.stem}-standard.onnx")
    inlined = inline_local_functions(proto) if proto.functions else proto
    target.write_bytes(inlined.SerializeToString(deterministic=True))
    return target


def run_command(words: list[str], seconds: float) -> str:
    """Run a check; returns "" if it exits with 0, else what happened.

    Raises:
        UsageError: MMC010 if it cannot be started.
    """
    try:
        done = subprocess.run(words, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"took longer than {seconds:g} s"
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError("MMC010", words[0], "cannot be started", why=why) from error
    if not done.returncode:
        return ""
    last = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-1:]
    return f"exit code {done.returncode}" + "".join(f": {line}" for line in last)
