"""Layout assignment over the whole graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mmc.ir import Graph, Model, Node, Value, constant
from mmc.layout.adoption import adopt
from mmc.layout.carriers import Carrier, is_channels_last, transposed_by
from mmc.layout.cut import choose
from mmc.layout.features import FEATURES
from mmc.layout.field import grow
from mmc.layout.permutation import Perm, inverse
from mmc.layout.stored_names import StoredNames, remember, stored_names, write_names
from mmc.opset import DOMAIN, require
from mmc.pass_manager import Contract, Pass

Seed = tuple[Value, Perm]


@dataclass(frozen=True)
class AssignLayout(Pass):
    """Choose the axis order of every tensor so that transposes move the fewest elements.

    First all tensors around channels-last operators at once, by a minimum cut; then every transpose
    that is left is tried against being pulled up or pushed down, as long as that gains.
    """

    name = "assign-layout"
    contract = Contract.REASSOCIATES  # a reduction reads its operand in another order
    reach: int = 200
    """Largest number of nodes that a single transpose may be moved across."""

    max_sweeps: int = 10
    features: bool = False
    """Layers may have the features before the places: as convolutions, and norms of an axis."""

    def run(self, model: Model) -> int:
        """Return the number of regions whose layout changed."""
        graph, names = model.graph, stored_names(model)
        more = FEATURES if self.features else {}
        moves = int(_move(graph, names, list(_channels_last_seeds(graph)), None, more))
        for _ in range(self.max_sweeps):
            gained = sum(
                _move(graph, names, [seed], self.reach, more)
                for node, *_ in list(_transposes(graph))
                for seed in _single_seeds(node)
            )
            moves += gained
            if not gained:
                break
        write_names(model, names)
        for op_type in sorted({n.op_type for n in graph if n.domain == DOMAIN}):
            require(model, op_type)
        return moves


def _move(
    graph: Graph,
    names: StoredNames,
    seeds: list[Seed],
    limit: int | None,
    more: Mapping[str, Carrier],
) -> bool:
    """Grow a field from the seeds and adopt the part of it that gains; `names` are kept right."""
    if not seeds:
        return False
    found = grow(seeds, limit, more)
    chosen = choose(found)
    if chosen:
        remember(names, adopt(graph, found, chosen))
    return bool(chosen)


def _transposes(graph: Graph) -> Iterator[tuple[Node, Value, Value, Perm]]:
    for node in graph:
        q = transposed_by(node)
        if q is not None and node.inputs[0] is not None and constant(node.inputs[0]) is None:
            yield node, node.inputs[0], node.outputs[0], q


def _channels_last_seeds(graph: Graph) -> Iterator[Seed]:
    """What feeds a channels-last operator, and what it makes, would best be channels last."""
    for _, x, y, q in _transposes(graph):
        producer = x.producer()
        if any(is_channels_last(use.node) for use in y.uses()):
            yield x, q
        if producer is not None and is_channels_last(producer):
            yield y, inverse(q)


def _single_seeds(node: Node) -> Iterator[Seed]:
    """Pull a transpose up (store its operand as its result), or push it down."""
    for pull in (True, False):
        if node.graph is None:
            return
        q, x = transposed_by(node), node.inputs[0]
        if q is not None and x is not None:
            yield (x, q) if pull else (node.outputs[0], inverse(q))
