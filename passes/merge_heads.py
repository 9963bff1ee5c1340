"""One transpose for the heads of queries, keys and values that one projection makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmc.ir import Model, Node, Value, attrs, is_static, origin_of, shape_of
from mmc.pass_manager import Contract, Pass
from mmc.passes.rules.reshapes import perm_of
from mmc.pattern import Builder, adopt, remove_unused, substitute


@dataclass(frozen=True)
class Heads:
    """A part of a Split that becomes (..., heads, size) and is transposed."""

    reshape: Node
    transpose: Node
    perm: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of its heads."""
        return shape_of(self.reshape.outputs[0])[-2]

    @property
    def size(self) -> int:
        """The width of each."""
        return shape_of(self.reshape.outputs[0])[-1]


@dataclass(frozen=True)
class MergeHeads(Pass):
    """transpose(reshape(part)) of each part of a Split  ->  Split(transpose(reshape(whole))).

    The parts are those of the last axis, (..., heads_i * size); all become heads of one size and
    take the same way, but for a swap of the last two axes, which a product of matrices absorbs.
    """

    name = "merge-heads"
    contract = Contract.EXACT

    def run(self, model: Model) -> int:
        """Return the number of Splits that moved behind one transpose."""
        found = [(node, parts) for node in model.graph if (parts := heads_of(node))]
        for node, parts in found:
            merge(model, node, parts)
        return len(found)


def heads_of(node: Node) -> list[Heads]:
    """Return the heads that every part of a Split becomes, or none if they do not agree."""
    x = node.inputs[0] if node.inputs else None
    if node.op_type != "Split" or node.domain or x is None or not is_static(x):
        return []
    if attrs(node)["axis"] not in (-1, len(shape_of(x)) - 1):
        return []
    parts = [heads for value in node.outputs if (heads := part_of(value)) is not None]
    if len(parts) < max(len(node.outputs), 2) or len({part.size for part in parts}) > 1:
        return []
    return parts if way_of(parts) else []


def part_of(value: Value) -> Heads | None:
    """Return the Reshape to heads and the Transpose that are all that reads a part."""
    reshape = only_reader(value, "Reshape")
    transpose = only_reader(reshape.outputs[0], "Transpose") if reshape is not None else None
    if reshape is None or transpose is None:
        return None
    given, shape = shape_of(value), shape_of(reshape.outputs[0])
    split_last = len(shape) == len(given) + 1 and shape[:-2] == given[:-1]
    return Heads(reshape, transpose, tuple(perm_of(transpose))) if split_last else None


def only_reader(value: Value, op_type: str) -> Node | None:
    """Return the node that alone reads a value as its first input, if it is an `op_type`."""
    uses = list(value.uses())
    if len(uses) != 1 or value.is_graph_output() or uses[0].idx != 0:
        return None
    node = uses[0].node
    return node if node.op_type == op_type and not node.domain else None


def way_of(parts: list[Heads]) -> tuple[int, ...]:
    """Return the order of axes that all parts share up to a swap of the last two, or ()."""
    ways = sorted({part.perm for part in parts}, key=lambda perm: perm[-1] != len(perm) - 1)
    shared = ways[0]
    heads = len(shared) - 2
    if any(way not in (shared, swapped(shared)) for way in ways) or shared.index(heads) >= heads:
        return ()
    turned = (part.transpose.outputs[0] for part in parts if part.perm != shared)
    return shared if all(only_multiplied(value) for value in turned) else ()


def swapped(perm: tuple[int, ...]) -> tuple[int, ...]:
    """Return an order of axes with its last two the other way round."""
    return (*perm[:-2], perm[-1], perm[-2])


def only_multiplied(value: Value) -> bool:
    """Say whether only products of matrices read a value."""
    return not value.is_graph_output() and all(u.node.op_type == "MatMul" for u in value.uses())


def merge(model: Model, split: Node, parts: list[Heads]) -> None:
    """Put one Reshape, Transpose and Split in the place of one of each part."""
    out, x, shared = Builder(), split.inputs[0], way_of(parts)
    counts = np.array([part.count for part in parts], np.int64)
    assert x is not None
    whole = out.Reshape(x, [*shape_of(x)[:-1], int(counts.sum()), parts[0].size])
    axis = shared.index(len(shared) - 2)
    turned = out.Transpose(whole, perm=list(shared))
    made = list(out.node("Split", [turned, counts], outputs=len(parts), axis=axis))
    last = swapped(tuple(range(len(shared))))
    for i, part in enumerate(parts):
        if part.perm != shared:
            made[i] = out.Transpose(made[i], perm=list(last))
    old = [node for part in parts for node in (part.transpose, part.reshape)] + [split]
    origin = origin_of([split, *old])
    adopt(model, out, split, origin, "merge-heads")
    for part, value in zip(parts, made, strict=True):
        substitute(part.transpose.outputs[0], value)
    remove_unused(model.graph, old)
