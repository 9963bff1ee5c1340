"""Replace Loop and Scan of a known number of steps by their bodies, one after another."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmc.diagnostics import Diagnostic, LegalityError, Severity
from mmc.interpret import evaluate
from mmc.ir import (
    SOURCES,
    Array,
    Graph,
    Model,
    Node,
    Value,
    attrs,
    constant,
    discard,
    shape_of,
    sources,
)
from mmc.naming import fresh_name
from mmc.pass_manager import Pass
from mmc.passes.inline_if import _substitute
from mmc.pattern import Builder
from mmc.remedies import cut, decided_by
from mmc.shapes import infer_node

LOOPS = ("Loop", "Scan")
STEPS = "its number of steps (trip count)"


class Endless(Exception):  # noqa: N818 - becomes a diagnostic
    """The number of steps cannot be known now; the text says why."""


@dataclass(frozen=True)
class UnrollLoops(Pass):
    """Loop(n, true, body)  ->  body; body; ... n times, when n and the condition are known."""

    name = "unroll-loops"
    max_nodes: int = 20_000
    """A loop that would become more operators than this stays one."""
    required: bool = False
    """Raise LegalityError (MMC201) for what is left, and for an If of unknown branch."""

    def run(self, model: Model) -> int:
        """Return the number of loops that were unrolled; nested ones included."""
        graph, changes = model.graph, 0
        findings: list[Diagnostic] = []
        work = [node for node in graph if node.op_type in (*LOOPS, "If")]
        while work:
            node = work.pop()
            try:
                made = self.unroll(graph, node)
            except Endless as reason:
                findings.append(finding(node, str(reason)))
                continue
            work += [n for n in made if n.op_type in LOOPS]
            changes += 1
        if findings and self.required:
            raise LegalityError(findings[::-1])
        return changes

    def unroll(self, graph: Graph, node: Node) -> list[Node]:
        """Unroll one node and remove it; returns what it became."""
        if node.op_type == "If":
            raise undecided(node, "the branch that it takes")
        body = attrs(node)["body"]
        size = max(1, sum(1 for _ in body.all_nodes()))
        most = self.max_nodes // size
        steps = scan_length(node) if node.op_type == "Scan" else trips(node, body, most)
        if steps > most:
            raise Endless(f"unrolled it would be more than {self.max_nodes} operators")
        unroller = Unroller(graph, node, [])
        results = unroller.scan(steps) if node.op_type == "Scan" else unroller.loop(steps)
        made = unroller.made
        for old, new in zip(node.outputs, results, strict=True):
            if old.uses() or old.is_graph_output():
                made += _substitute(graph, node, old, new)
        discard(node)
        return made


def finding(node: Node, why: str) -> Diagnostic:
    """Say which node cannot be resolved, and what to do."""
    where = f"{node.op_type} {', '.join(sources(node))!r}"
    names = deciding(node)
    bind = " ".join(f"--const {name}=VALUE" for name in names)
    fix = f"bind what decides it ({bind}), or {cut(node)}" if names else cut(node)
    what = "is control flow that stays until run time"
    return Diagnostic("MMC201", Severity.ERROR, where, what, why, fix)


def deciding(node: Node) -> list[str]:
    """Return the model's inputs that decide how often a loop runs, or which branch is taken."""
    if node.op_type != "Loop":
        return decided_by(node.inputs[:1])
    body, states = attrs(node)["body"], node.inputs[2:]
    steps = zip(body.inputs[2:], states, body.outputs[1:], strict=False)
    behind = {inner: (start, following) for inner, start, following in steps}
    behind |= dict.fromkeys(body.inputs[:2], ())
    return decided_by([*node.inputs[:2], body.outputs[0]], behind)


def undecided(node: Node, what: str) -> Endless:
    """Return the refusal of what only the data decides, with the inputs that it comes from."""
    names = ", ".join(map(repr, deciding(node)))
    return Endless(f"{what} depends on the data" + (f", on {names}" if names else ""))


def scan_length(node: Node) -> int:
    """Return the number of steps of a Scan."""
    given = attrs(node)
    count = given["num_scan_inputs"]
    axes = given.get("scan_input_axes", (0,) * count)
    try:
        length: int = shape_of(node.inputs[len(node.inputs) - count])[axes[0]]
        return length
    except ValueError as error:
        raise Endless("the length of its sequence is not known") from error


def trips(node: Node, body: Graph, most: int) -> int:
    """Return the number of steps of a Loop: its condition is followed through known values.

    No more than `most` steps are followed; a larger number is a bound.
    """
    limit, start = constant(node.inputs[0]), constant(node.inputs[1])
    if node.inputs[0] is not None and limit is None:
        raise undecided(node, STEPS)
    if node.inputs[1] is not None and start is None:
        raise undecided(node, STEPS)
    alive = start is None or bool(start.item())
    states = [constant(v) for v in node.inputs[2:]]
    deciding = followed(body, len(states))
    if alive and not deciding.intersection((body.inputs[0], *body.inputs[2:])):
        most = min(most, 1)  # every step decides as the first one does
    count = 0
    while alive and (limit is None or count < limit.item()):
        if count > most:
            return sys.maxsize if limit is None else int(limit.item())
        values = [np.array(count, np.int64), np.array(True), *states]
        known = {v: x for v, x in zip(body.inputs, values, strict=True) if x is not None}
        going = follow(body.outputs[0], known)
        if going is None:
            raise undecided(node, STEPS)
        nexts = zip(body.inputs[2:], body.outputs[1:], strict=False)
        states = [follow(v, known) if inner in deciding else None for inner, v in nexts]
        alive, count = bool(going.item()), count + 1
    return count


def followed(body: Graph, states: int) -> set[Value]:
    """Return what a Loop's condition is computed from inside of its body, step after step."""
    seen: set[Value] = set()
    behind = dict(zip(body.inputs[2:], body.outputs[1 : 1 + states], strict=False))
    work = [body.outputs[0]]
    while work:
        value = work.pop()
        if value in seen:
            continue
        seen.add(value)
        node = value.producer()
        if node is not None and node.graph is body:
            work += [v for v in node.inputs if v is not None]
        if value in behind:
            work.append(behind[value])
    return seen


def follow(value: Value, known: dict[Value, Array]) -> Array | None:
    """Return what a value is, if it follows from the known ones; small values only."""
    found = known.get(value)
    if found is None:
        found = constant(value)
    node = value.producer()
    if found is not None or node is None or len(node.outputs) > 1:
        return found
    inputs = [None if v is None else follow(v, known) for v in node.inputs]
    if any(x is None and v is not None for x, v in zip(inputs, node.inputs, strict=True)):
        return None
    if any(x is not None and x.size > 64 for x in inputs):
        return None
    results = evaluate(node, inputs)
    if results is not None:
        known[value] = results[0]
    return known.get(value)


@dataclass
class Unroller:
    """Puts copies of a loop's body before the loop."""

    graph: Graph
    node: Node
    made: list[Node]

    def loop(self, steps: int) -> list[Value]:
        """Unroll a Loop; returns what stands for its outputs."""
        states: list[Value] = [v for v in self.node.inputs[2:] if v is not None]
        rows: list[list[Value]] = []
        for step in range(steps):
            numbers = [self.lift(np.array(step, np.int64)), self.lift(np.array(True))]
            results = self.body([*numbers, *states])
            states, row = results[1 : 1 + len(states)], results[1 + len(states) :]
            rows.append(row)
        wanted = len(self.node.outputs) - len(states)
        if wanted and not rows:
            raise Endless("it has no steps, so its results are empty")
        stacked = [self.stack([row[i] for row in rows], 0) for i in range(wanted)]
        return [*states, *stacked]

    def scan(self, steps: int) -> list[Value]:
        """Unroll a Scan; returns what stands for its outputs."""
        given = attrs(self.node)
        count = given["num_scan_inputs"]
        inputs = [v for v in self.node.inputs if v is not None]
        states, series = inputs[:-count], inputs[-count:]
        axes = given.get("scan_input_axes", (0,) * count)
        backward = given.get("scan_input_directions", (0,) * count)
        rows: list[list[Value]] = []
        for step in range(steps):
            places = [steps - 1 - step if b else step for b in backward]
            items = [self.item(*given_) for given_ in zip(series, places, axes, strict=True)]
            results = self.body([*states, *items])
            states, row = results[: len(states)], results[len(states) :]
            rows.append(row)
        wanted = len(self.node.outputs) - len(states)
        axes = given.get("scan_output_axes", (0,) * wanted)
        backward = given.get("scan_output_directions", (0,) * wanted)
        stacked = []
        for i in range(wanted):
            column = [row[i] for row in rows]
            stacked.append(self.stack(column[::-1] if backward[i] else column, axes[i]))
        return [*states, *stacked]

    def body(self, arguments: Sequence[Value]) -> list[Value]:
        """Insert one copy of the body; returns its results."""
        copy = attrs(self.node)["body"].clone(allow_outer_scope_values=True)
        given = dict(zip(copy.inputs, arguments, strict=True))
        results = [given.get(v, v) for v in copy.outputs]
        copy.outputs.clear()
        for value in list(copy.initializers.values()):
            del copy.initializers[value.name]
            value.name = fresh_name(self.graph, value.name or "value")
            self.graph.register_initializer(value)
        nodes = list(copy)
        for old, new in given.items():
            old.replace_all_uses_with(new)
        copy.remove(nodes)
        for inner in nodes:
            inner.name = fresh_name(self.graph, inner.name or inner.op_type)
            for value in inner.outputs:
                value.name = fresh_name(self.graph, value.name or inner.op_type)
        self.insert(nodes)
        return results

    def insert(self, nodes: list[Node]) -> None:
        """Put nodes before the loop and infer their types."""
        self.graph.insert_before(self.node, nodes)
        for node in nodes:
            node.metadata_props.setdefault(SOURCES, "\n".join(sources(self.node)))
            infer_node(node)
        self.made += nodes

    def lift(self, array: Array) -> Value:
        """Return a new constant."""
        out = Builder()
        value = out.lift(array)
        assert value is not None
        value.name = fresh_name(self.graph, self.node.name or "loop")
        self.graph.register_initializer(value)
        return value

    def item(self, x: Value, place: int, axis: int) -> Value:
        """Return one step of a sequence."""
        return self.one("Gather", [x, self.lift(np.array(place, np.int64))], axis=axis)

    def stack(self, values: list[Value], axis: int) -> Value:
        """Return the values along a new axis."""
        where = self.lift(np.array([axis], np.int64))
        rows = [self.one("Unsqueeze", [v, where]) for v in values]
        return self.one("Concat", rows, axis=axis)

    def one(self, op_type: str, inputs: Sequence[Value], **attributes: Any) -> Value:
        """Insert one node; returns its result."""
        out = Builder()
        value: Value = out.node(op_type, inputs, **attributes)
        node = out.tape.nodes[0]
        node.name = fresh_name(self.graph, self.node.name or op_type)
        value.name = fresh_name(self.graph, self.node.name or op_type)
        self.insert([node])
        return value
