"""Where the CPU's operators cut a program: the vendor's own partitioner is the oracle."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st

from mmc.backends.targets import vendor
from mmc.backends.tflite.backend import TfliteBackend
from mmc.backends.tflite.check import check, judge, off_among
from mmc.backends.tflite.flatbuffer import write
from mmc.backends.tflite.memory import graph_of
from mmc.backends.tflite.partitions import crossing_bytes, cut
from mmc.backends.tflite.program import Operator, Program, Tensor
from mmc.options import CompileOptions
from mmc.schedule import Graph, Op, fewest_parts, parts
from mmc.target import load_target

SHAPE = (1, 64)
HEXAGON = load_target("hexagon_v73")


def program(text: str, outputs: str = "z") -> Program:
    """Return a program from lines such as `mod x a` (on the CPU), `neg x a`, `add a b c`."""
    constant = np.full(SHAPE, 0.3, np.float32)
    made = Program([Tensor("c", SHAPE, "FLOAT32", constant)])
    places = {"c": 0}

    def place(name: str) -> int:
        if name not in places:
            places[name] = len(made.tensors)
            made.tensors.append(Tensor(name, SHAPE, "FLOAT32"))
        return places[name]

    for line in text.split(";"):
        code, *names, result = line.split()
        inputs = [place(n) for n in names]
        if code == "mod":
            op = Operator("FLOOR_MOD", [*inputs, 0], [place(result)], schema.FloorModOptionsT())
        elif code == "neg":
            op = Operator("NEG", inputs, [place(result)], schema.NegOptionsT())
        else:
            op = Operator("ADD", inputs, [place(result)], schema.AddOptionsT())
        op.sources = (result,)
        made.operators.append(op)
    written = {i for op in made.operators for i in op.outputs}
    read = {i for op in made.operators for i in op.inputs}
    names = {index: name for name, index in places.items()}
    made.inputs = [(names[i], i) for i in sorted(read - written - {0})]
    made.outputs = [(n, places[n]) for n in outputs.split()]
    return made


PROGRAMS = {
    "the CPU begins": ("mod x a; neg y b; add a b d; neg d z", "z", 1),
    "the NPU begins": ("neg y b; mod x a; add a b d; neg d z", "z", 2),
    "one in the middle": ("neg x a; mod a b; neg b z", "z", 2),
    "around it": ("neg x a; mod a b; add a b z", "z", 2),
    "a chain": ("neg x a; mod a b; neg b d; mod d e; neg e z", "z", 3),
    "abreast": ("neg x a; mod a b; neg a d; mod d e; add b e z", "z", 3),
    "abreast, in sides": ("neg x a; neg a d; mod a b; mod d e; add b e z", "z", 2),
    "an arm of its own": ("mod x a; neg a d; mod d f; neg f z; neg y b", "z b", 2),
    "nothing in common": ("neg x a; mod v d; neg y b", "a b d", 2),
    "at the end": ("neg x a; mod a z", "z", 1),
    "all": ("mod x z", "z", 0),
}


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, frozenset[int]]:
    """Draw up to six operators with one result each, and which of them the CPU runs."""
    count = draw(st.integers(1, 6))
    ops = [
        Op(tuple(sorted(draw(st.sets(st.integers(0, i - 1), max_size=2)))) if i else (), (i,))
        for i in range(count)
    ]
    off = draw(st.frozensets(st.integers(0, count - 1)))
    return Graph([4] * count, ops), off


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_parts_of_a_program(name: str) -> None:
    text, outputs, parts = PROGRAMS[name]
    made = program(text, outputs)
    off = off_among(judge(made, HEXAGON))
    assert off == {i for i, op in enumerate(made.operators) if op.code == "FLOOR_MOD"}
    found = cut(made, off)
    assert len(found.parts) == parts
    taken = [i for part in found.parts for i in part]
    assert sorted(taken) == [i for i in range(len(made.operators)) if i not in off]


@pytest.mark.vendor
@pytest.mark.parametrize("name", [name for name in PROGRAMS if PROGRAMS[name][2]])
def test_qualcomms_compiler_parts_it_alike(name: str, tmp_path: Path) -> None:
    text, outputs, _ = PROGRAMS[name]
    made = program(text, outputs)
    write(made, path := tmp_path / "m.tflite")
    said = vendor.ask(path, "v73")
    found = cut(made, off_among(judge(made, HEXAGON)))
    assert (said.partitions, said.selected) == (len(found.parts), sum(map(len, found.parts)))


def test_what_crosses_is_said() -> None:
    made = program("neg x a; mod a b; add a b z")
    found = cut(made, off_among(judge(made, HEXAGON)))
    assert [made.tensors[i].name for i in found.crossing] == ["a", "b"]
    assert crossing_bytes(made, found) == 2 * 64 * 4
    note = check(made, HEXAGON)[-1]
    assert (note.code, note.where) == ("MMC211", "hexagon_v73")
    assert note.what == "runs in 2 parts, cut by the operators on the CPU"
    assert "0.00051 MB in 2 tensors cross" in note.why


def test_parts_between_which_nothing_crosses() -> None:
    note = check(program(*PROGRAMS["nothing in common"][:2]), HEXAGON)[-1]
    assert (note.code, note.what[:15]) == ("MMC211", "runs in 2 parts")
    assert note.why.startswith("nothing crosses")


def test_one_part_is_no_finding() -> None:
    made = program("neg x a; mod a z")
    assert [d.code for d in check(made, HEXAGON)] == ["MMC205"]


@pytest.mark.parametrize(
    ("text", "outputs", "before", "after"),
    [
        ("neg y b; neg b e; mod x a; add a e d; neg d z", "z", 2, 1),
        (PROGRAMS["abreast"][0], "z", 3, 2),
        (PROGRAMS["nothing in common"][0], "a b d", 2, 1),
        (PROGRAMS["a chain"][0], "z", 3, 3),
    ],
)
def test_the_schedule_leaves_the_fewest_parts(
    text: str, outputs: str, before: int, after: int
) -> None:
    made = program(text, outputs)
    assert len(cut(made, off_among(judge(made, HEXAGON))).parts) == before
    plan = TfliteBackend(HEXAGON, CompileOptions()).schedule(made)
    assert len(cut(made, off_among(judge(made, HEXAGON))).parts) == after
    assert sorted(plan.after.order) == list(range(len(made.operators)))
    graph_of(made)  # raises ValueError where an operator comes before one that it needs


@given(graphs())
def test_no_valid_order_has_fewer_parts(drawn: tuple[Graph, frozenset[int]]) -> None:
    graph, off = drawn
    given_order = tuple(range(len(graph.ops)))
    found = fewest_parts(graph, given_order, off)
    assert sorted(found) == list(given_order)
    valid = [
        order
        for order in permutations(given_order)
        if all(
            order.index(earlier) < order.index(p)
            for p in order
            for earlier in graph.predecessors(p)
        )
    ]
    assert tuple(found) in valid
    assert len([*parts(found, off)]) == min(len([*parts(order, off)]) for order in valid)


def test_an_operator_is_judged_once_however_it_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """What schedules, checks and estimates a program asks the tables together."""
    asked: list[int] = []

    def counted(made: Program, target: object) -> list[list[object]]:
        asked.append(len(made.operators))
        return judge(made, HEXAGON)  # type: ignore[return-value]

    monkeypatch.setattr("mmc.backends.tflite.check.judge", counted)
    made = program("mod x a; neg x b; mod b d; add a d z")
    backend = TfliteBackend(HEXAGON, CompileOptions())
    backend.schedule(made)
    assert backend.check(made) == check(made, HEXAGON, judge(made, HEXAGON))
    backend.work(made)
    assert asked == [4]
