"""Passes, phases and the manager that runs them; it knows nothing of dumps, checks or timing."""

from __future__ import annotations

import ast
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

from mmc.diagnostics import UsageError
from mmc.ir import Model
from mmc.registry import Registry
from mmc.values import UNSETTLED_PHASES


class Contract(StrEnum):
    """What a rewrite may change: nothing; the order of sums; the numbers, within a budget."""

    EXACT = "exact"
    REASSOCIATES = "reassociates"
    LOSSY = "lossy"


@dataclass(frozen=True)
class Pass(ABC):
    """A named rewrite of a whole model. Its dataclass fields are its options and its CLI syntax."""

    name: ClassVar[str]
    contract: ClassVar[Contract] = Contract.EXACT
    budget_db: ClassVar[float] = 40.0
    """Least SQNR that a LOSSY pass promises, of every tensor against the model before it."""

    def __init_subclass__(cls) -> None:
        if PASSES.takes(cls.__module__):
            PASSES.add(cls.name, cls)

    @abstractmethod
    def run(self, model: Model) -> int:
        """Rewrite `model` in place and return the number of changes; 0 means untouched."""

    def __str__(self) -> str:
        changed = [(f.name, getattr(self, f.name)) for f in fields(self)]
        options = [
            f"{name.replace('_', '-')}={_text(value)}"
            for (name, value), f in zip(changed, fields(self), strict=True)
            if value != f.default
        ]
        return self.name + (f"{{{','.join(options)}}}" if options else "")


PASSES: Registry[type[Pass]] = Registry("pass", "mmc.passes", "mmc.passes")


@dataclass
class PassRecord:
    """What one run of one pass did.

    `sqnr_db` is the lowest of the outputs against the model before; None: equal or not compared.
    """

    name: str
    phase: str
    changes: int
    nodes: int
    seconds: float = 0.0
    peak_bytes: int = 0
    sqnr_db: float | None = None


class Instrument:
    """Watches passes; a no-op base. Stack order: last before = first after."""

    def start(self, model: Model) -> None:
        """Called once, before the first pass."""

    def before(self, p: Pass, model: Model) -> None:
        """Called before every pass."""

    def after(self, p: Pass, model: Model, record: PassRecord) -> None:
        """Called after every pass that did not fail."""

    def failed(self, p: Pass, model: Model, error: Exception) -> None:
        """Called when a pass, or an instrument after it, raised."""


@dataclass(frozen=True)
class Phase:
    """Passes that repeat, in order, until none of them changes anything."""

    name: str
    passes: tuple[Pass, ...]
    max_rounds: int = 1


class PassManager:
    """Runs phases over a model; `instruments` see every pass."""

    def __init__(
        self, phases: Iterable[Phase | Pass], instruments: Sequence[Instrument] = ()
    ) -> None:
        self.phases = [p if isinstance(p, Phase) else Phase(p.name, (p,)) for p in phases]
        self.instruments = tuple(instruments)

    def passes(self) -> list[Pass]:
        """Return the passes of all phases, in order."""
        return [p for phase in self.phases for p in phase.passes]

    def run(self, model: Model) -> list[PassRecord]:
        """Run every phase; returns one record per pass run.

        A pass that found nothing to do is not asked again until another has changed the model. The
        model's metadata name the phases that were stopped while they still changed something.
        """
        records: list[PassRecord] = []
        settled: set[Pass] = set()
        for instrument in self.instruments:
            instrument.start(model)
        for phase in self.phases:
            for _ in range(phase.max_rounds):
                start = len(records)
                for p in phase.passes:
                    if p in settled:
                        continue
                    records.append(self._run_pass(p, phase, model))
                    settled = set() if records[-1].changes else settled | {p}
                changing = [r.name for r in records[start:] if r.changes]
                if not changing:
                    break
            else:
                note_unsettled(model, phase, changing)
        return records

    def _run_pass(self, p: Pass, phase: Phase, model: Model) -> PassRecord:
        try:
            for instrument in self.instruments:
                instrument.before(p, model)
            changes = p.run(model)
            record = PassRecord(str(p), phase.name, changes, model.graph.num_nodes())
            for instrument in reversed(self.instruments):
                instrument.after(p, model, record)
        except Exception as error:
            for instrument in self.instruments:
                instrument.failed(p, model, error)
            raise
        return record


def note_unsettled(model: Model, phase: Phase, changing: Sequence[str]) -> None:
    """Let the model say that a phase meant to repeat was stopped; single rounds promise nothing."""
    if phase.max_rounds > 1:
        story = f"{phase.name} ({', '.join(changing)}; {phase.max_rounds} rounds)"
        told = model.metadata_props.get(UNSETTLED_PHASES)
        model.metadata_props[UNSETTLED_PHASES] = f"{told}, {story}" if told else story


KINDS = {bool: "True or False", int: "a whole number", float: "a number"}
"""What options are, by the type of their default; others take what they are given."""


def parse_pipeline(text: str) -> list[Pass]:
    """Parse "a,b{bits=4}" into passes; `str` of each gives its text back.

    Raises:
        UsageError: MMC190 for an unknown pass, MMC191 for a bad option or bad syntax.
    """
    passes = []
    for item in filter(None, re.split(r",(?![^{]*\})", text)):
        match = re.fullmatch(r"\s*([\w-]+)\s*(?:\{(.*)\})?\s*", item)
        if match is None:
            raise UsageError(
                "MMC191",
                f"pipeline {text!r}",
                f"cannot read {item!r}",
                fix="write name{option=value}",
            )
        passes.append(_make_pass(match[1], match[2] or ""))
    return passes


def _make_pass(name: str, options: str) -> Pass:
    kind = PASSES.get(name)
    if kind is None:
        close = PASSES.close_to(name)
        fix = f"did you mean {', '.join(close)}?" if close else "`mmc passes` lists them"
        raise UsageError("MMC190", "pipeline", f"there is no pass {name!r}", fix=fix)
    known = {f.name: f.default for f in fields(kind)}
    values: dict[str, Any] = {}
    for pair in filter(None, re.split(r",(?![^(]*\))", options)):
        key, sep, value = pair.partition("=")
        field_name = key.strip().replace("-", "_")
        if not sep or field_name not in known:
            listed = ", ".join(sorted(k.replace("_", "-") for k in known)) or "none"
            raise UsageError(
                "MMC191", f"pass {name}", f"has no option {pair!r}", fix=f"its options: {listed}"
            )
        values[field_name] = _fitting(name, key.strip(), value.strip(), known[field_name])
    return kind(**values)


def _fitting(name: str, key: str, text: str, default: object) -> Any:
    """Return the value of an option; what its default is says what it may be."""
    value = _value(text)
    if isinstance(default, str):
        return value if isinstance(value, str) else text
    for kind, words in KINDS.items():
        if type(default) is kind:
            if type(value) is kind or (kind is float and type(value) is int):
                return value
            fix = f"for example {name}{{{key}={default}}}"
            raise UsageError("MMC191", f"pass {name}", f"{key}={text} is not {words}", fix=fix)
    return value


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) and _value(value) == value else repr(value)
