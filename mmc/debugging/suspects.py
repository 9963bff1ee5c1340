"""Between a right and a wrong model: the first tensor that differs, and the nodes behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx

from mmc.history import State
from mmc.values import SOURCES
from mmc.verification.casting import Array
from mmc.verification.evaluate import Comparison
from mmc.verification.tensors import batches_of, compared, run_file

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

SHOWN = 5


@dataclass(frozen=True)
class Suspect:
    """A node that the pass made or changed, above the first wrong tensor."""

    name: str
    kind: str
    rule: str
    sources: tuple[str, ...]

    def __str__(self) -> str:
        made = f", made by rule {self.rule!r}" if self.rule else ""
        origin = f", from {', '.join(self.sources)}" if self.sources else ""
        return f"{self.kind} {self.name!r}{made}{origin}"


@dataclass(frozen=True)
class Trace:
    """Where two states part: the first wrong tensor, and the nodes that the pass changed there."""

    tensor: Comparison | None
    nodes: list[Suspect]


def trace(before: State, after: State, feeds: Mapping[str, Array], least_db: float) -> Trace:
    """Return the first tensor below `least_db` in the order of `after`, and its suspects."""
    old, new = (onnx.load(s.path, load_external_data=False).graph for s in (before, after))
    found = list(_until_wrong(before, after, (old, new), feeds, least_db))
    wrong = next((c for c in found if not c.passes(least_db)), None)
    right = {c.name for c in found if c.passes(least_db)}
    nodes = list(new.node) if wrong is None else list(_above(new, wrong.name, right))
    known = set(_keys(old))
    changed = [n for n, key in zip(new.node, _keys(new), strict=True) if key not in known]
    inside = {id(node) for node in nodes}
    return Trace(wrong, [suspect(n) for n in changed if id(n) in inside][:SHOWN])


def _until_wrong(
    before: State,
    after: State,
    graphs: tuple[GraphProto, GraphProto],
    feeds: Mapping[str, Array],
    least_db: float,
) -> Iterator[Comparison]:
    """Yield comparisons of the tensors that both have, until a batch holds a wrong one."""
    old, new = ([n for node in g.node for n in node.output if n] for g in graphs)
    shared = set(old) & set(new)
    for names in batches_of([n for n in new if n in shared], _sizes(graphs[1])):
        expected = run_file(before.path, feeds, names, before.moved)
        actual = run_file(after.path, feeds, names, after.moved)
        found = list(compared(expected, actual, names))
        yield from found
        if not all(c.passes(least_db) for c in found):
            return


def _sizes(graph: GraphProto) -> dict[str, int]:
    """Return about how many bytes each tensor has; 8 an element."""
    sizes = {}
    for info in (*graph.value_info, *graph.output):
        size = 8
        for dim in info.type.tensor_type.shape.dim:
            size *= dim.dim_value or 1
        sizes[info.name] = size
    return sizes


def _keys(graph: GraphProto) -> Iterator[tuple[object, ...]]:
    """Yield what a node is: its operator, attributes, operands and the content of its constants."""
    content = {
        t.name: t.raw_data or tuple(e.value for e in t.external_data) or t.SerializeToString()
        for t in graph.initializer
    }
    for node in graph.node:
        attributes = sorted(a.SerializeToString(deterministic=True) for a in node.attribute)
        constants = tuple(content.get(name) for name in node.input)
        operands, results = tuple(node.input), tuple(node.output)
        yield node.domain, node.op_type, operands, results, tuple(attributes), constants


def _above(graph: GraphProto, tensor: str, right: set[str]) -> Iterator[NodeProto]:
    """Yield the nodes that `tensor` depends on, down from tensors known to be right."""
    makers = {name: node for node in graph.node for name in node.output if name}
    todo, seen = [tensor], set()
    while todo:
        name = todo.pop()
        if name in seen or name not in makers or (name in right and name != tensor):
            continue
        seen.update(makers[name].output)
        yield makers[name]
        todo += makers[name].input


def suspect(node: NodeProto) -> Suspect:
    """Return a node as a suspect."""
    notes = {p.key: p.value for p in node.metadata_props}
    origin = tuple(s for s in notes.get(SOURCES, "").split("\n") if s)
    kind = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    return Suspect(node.name, kind, notes.get("mmc.rule", ""), origin)
