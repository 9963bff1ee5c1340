"""Grids on both sides of what only moves numbers."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.builder import derived
from mmc.integers.activation_scales import activations
from mmc.integers.grids import affine_of, grids_of, operands, read_on, rounded_to
from mmc.integers.integer_ops import JOINED, MOVES
from mmc.integers.layers import base_of
from mmc.ir import Graph, Model, Node, Value, attrs, sources
from mmc.naming import fresh_name
from mmc.opset import DOMAIN, require
from mmc.pass_manager import Pass
from mmc.pattern import substitute
from mmc.quant.ranges import Affine

COMMUTE = MOVES | JOINED
"""move(round(x)) = round(move(x))."""


@dataclass(frozen=True)
class SpreadGrids(Pass):
    """round(move(x))  ->  round(move(round(x))),  move(round(x))  ->  round(move(round(x))).

    Kernels on codes read and write them: an exporter may have left out the scale on one side.
    """

    name = "spread-grids"

    def run(self, model: Model) -> int:
        """Return the number of grids put in and taken out."""
        graph = model.graph
        if not grids_of(graph):
            return 0
        require(model, "OnGrid")
        pulled = sum(pull(graph, node) for node in reversed([*graph]) if commutes(node))
        pushed = sum(push(graph, node) for node in [*graph] if commutes(node))
        return pulled + pushed + sum(merge(graph, node) for node in grids_of(graph))


def commutes(node: Node) -> bool:
    """Say whether a node hands on numbers as they are."""
    op = base_of(node)[1]
    return op in COMMUTE or (op == "Resize2d" and attrs(node)["mode"] == "nearest")


def pull(graph: Graph, node: Node) -> int:
    """Let a node read on the grid that its results are rounded to."""
    wanted = {rounded_to(value) for value in node.outputs}
    q = wanted.pop() if len(wanted) == 1 else None
    if q is None:
        return 0
    read = activations(node) if base_of(node)[1] in JOINED else activations(node)[:1]
    open_ = [value for value in dict.fromkeys(read) if read_on(value) != q]
    for value in open_:
        made = put_on_grid(graph, value, q, node)
        for place in [i for i, v in enumerate(node.inputs) if v is value]:
            node.replace_input_with(place, made)
    return len(open_)


def push(graph: Graph, node: Node) -> int:
    """Let all read a node's results on the grid that it reads."""
    grids = {read_on(value) for value in activations(node)}
    q = grids.pop() if len(grids) == 1 else None
    if q is None:
        return 0
    open_ = [value for value in node.outputs if not is_settled(value, q)]
    for value in open_:
        put_behind(graph, value, q)
    return len(open_)


def is_settled(value: Value, q: Affine) -> bool:
    """Say whether one grid stands between a value and all who read it."""
    return rounded_to(value) == q and len(value.uses()) == 1


def put_behind(graph: Graph, value: Value, q: Affine) -> Value:
    """Let all who read a value read it on a grid."""
    maker, users = value.producer(), [*value.uses()]
    assert maker is not None
    made = put_on_grid(graph, value, q, maker, behind=True)
    for use in users:
        use.node.replace_input_with(use.idx, made)
    if value.is_graph_output():
        graph.outputs[list(graph.outputs).index(value)] = made
        made.name, value.name = value.name, fresh_name(graph, value.name or "")
    return made


def put_on_grid(
    graph: Graph, value: Value, q: Affine, beside: Node, *, behind: bool = False
) -> Value:
    """Return a value on a grid; the new node stands in front of another one, or behind it."""
    given = [value, *operands(graph, value, q)]
    node = derived(graph, "OnGrid", given, value, sources(beside), DOMAIN)
    (graph.insert_after if behind else graph.insert_before)(beside, node)
    return node.outputs[0]


def merge(graph: Graph, node: Node) -> int:
    """round(round(x))  ->  round(x), on one grid."""
    x, y = node.inputs[0], node.outputs[0]
    if x is None or y.is_graph_output() or read_on(x) != affine_of(node):
        return 0
    substitute(y, x)
    graph.remove(node, safe=True)
    return 1
