"""The model before and after every pass as the page draws it: compact JSON (mmc.graphs/1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmc.debugging.alignment import align
from mmc.diagnostics import ModelError
from mmc.ir import Model
from mmc.pass_manager import Instrument, Pass, PassRecord
from mmc.structure import Op, Structure, read_structure, structure_of

SCHEMA = "mmc.graphs/1"
MOST_OPERATORS = 60_000
"""How many operators the states of one page have in all, at most: what a phone still opens."""
LONGEST_TEXT = 300
CHANGES = ("same", "changed", "added", "removed")


@dataclass(frozen=True)
class State:
    """A model at one moment; `run` counts pass runs (None: this is no state between passes)."""

    title: str
    structure: Structure
    run: int | None = None


@dataclass
class Snapshots(Instrument):
    """Keep the structure of the model after every pass that changed it; no weights."""

    states: list[State] = field(default_factory=list)
    runs: int = 0
    operators: int = 0
    left_out: int = 0

    def start(self, model: Model) -> None:
        """Keep the model as it came."""
        self._keep(model, "the model as loaded", 0)

    def after(self, p: Pass, model: Model, record: PassRecord) -> None:
        """Keep the model when it changed."""
        self.runs += 1
        if record.changes:
            self._keep(model, f"{record.name} ({record.phase})", self.runs)

    def to_json(self, artifact: Path | None = None) -> dict[str, Any]:
        """Return the states, with the artifact as the last one if there is one (`graphs_json`)."""
        made = [State("the artifact", read_structure(artifact))] if artifact else []
        return graphs_json([*self.states, *made], self.left_out)

    def _keep(self, model: Model, title: str, run: int) -> None:
        nodes = model.graph.num_nodes()
        if self.states and self.operators + nodes > MOST_OPERATORS:
            self.left_out += 1
            return
        self.operators += nodes
        self.states.append(State(title, structure_of(model), run))


def dumped(folder: Path) -> list[State]:
    """Return the states that `--dump-ir` wrote to a folder; raises ModelError (MMC101)."""
    files = sorted(folder.glob("[0-9][0-9][0-9]-*.ir"))
    if not files:
        fix = "give a folder that mmc compile --dump-ir wrote"
        raise ModelError("MMC101", str(folder), "holds no dumps of the IR", fix=fix)
    states: list[State] = []
    operators = 0
    for file in files:
        number, _, name = file.stem.partition("-")
        found = read_structure(file)
        operators += len(found.ops)
        if states and operators > MOST_OPERATORS:
            break
        states.append(State(name, found, int(number)))
    return states


def graphs_json(states: Sequence[State], left_out: int = 0) -> dict[str, Any]:
    """Return states and the steps between them.

    A node is [kind, name, attributes, sources, inputs, types, constants] with texts as places in
    `strings`; an input is the place of the node that makes it, or -1 - place among the inputs. A
    step has, for both of its states, the group of every operator, and the change of every group.
    """
    strings = Strings()
    pairs = [(i, i + 1) for i in range(len(states) - 1)]
    if len(states) > 2:
        pairs.insert(0, (0, len(states) - 1))
    return {
        "schema": SCHEMA,
        "states": [state_json(state, strings) for state in states],
        "steps": [step_json(states, a, b) for a, b in pairs],
        "left_out": left_out,
        "strings": list(strings.places),
    }


@dataclass
class Strings:
    """Texts that are stored once."""

    places: dict[str, int] = field(default_factory=dict)

    def place(self, text: str) -> int:
        """Return the place of a text."""
        short = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
        return self.places.setdefault(short, len(self.places))


def state_json(state: State, strings: Strings) -> dict[str, Any]:
    """Return one state."""
    s = state.structure
    made = {name: -1 - place for place, name in enumerate(s.inputs)} | s.makers()
    return {
        "title": state.title,
        "run": state.run,
        "inputs": [[strings.place(n), strings.place(s.types.get(n, "?"))] for n in s.inputs],
        "outputs": [[strings.place(n), made[n]] for n in s.outputs if n in made],
        "nodes": [node_json(op, s, made, strings) for op in s.ops],
    }


def node_json(op: Op, s: Structure, made: dict[str, int], strings: Strings) -> list[Any]:
    """Return one operator."""
    return [
        strings.place(op.kind),
        strings.place(op.name),
        strings.place(op.attributes),
        [strings.place(name) for name in op.sources],
        list(dict.fromkeys(made[name] for name in op.inputs if name in made)),
        [strings.place(s.types.get(name, "?")) for name in op.outputs if name],
        [strings.place(text) for text in op.constants],
    ]


def step_json(states: Sequence[State], before: int, after: int) -> dict[str, Any]:
    """Return what became of the operators from one state to another."""
    a, b = states[before].structure, states[after].structure
    groups = align(a, b)
    group_of: list[list[int]] = [[0] * len(a.ops), [0] * len(b.ops)]
    for number, group in enumerate(groups):
        for side, members in enumerate((group.before, group.after)):
            for place in members:
                group_of[side][place] = number
    return {
        "before": before,
        "after": after,
        "groups": group_of,
        "changes": [CHANGES.index(group.change) for group in groups],
    }
