"""One Split for a value whose parts are split again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmc.ir import Model, Node, Value, attrs, is_static, origin_of, shape_of
from mmc.pass_manager import Contract, Pass
from mmc.pattern import Builder, adopt, remove_unused, substitute


@dataclass(frozen=True)
class MergeSplits(Pass):
    """split(split(x)[i])  ->  split(x), along one axis, where nothing else reads that part."""

    name = "merge-splits"
    contract = Contract.EXACT

    def run(self, model: Model) -> int:
        """Return the number of Splits that took in others."""
        changes = 0
        for node in list(model.graph):
            inner = further(node) if node.graph is model.graph else {}
            if inner:
                merge(model, node, inner)
                changes += 1
        return changes


def axis_of(node: Node) -> int | None:
    """Return the axis of a Split whose parts have known sizes."""
    x = node.inputs[0] if node.op_type == "Split" and not node.domain else None
    if x is None or not all(is_static(v) for v in (x, *node.outputs)):
        return None
    return int(attrs(node)["axis"]) % len(shape_of(x))


def further(node: Node) -> dict[Value, Node]:
    """Return the parts of a Split that only another Split of its axis reads, and that."""
    axis = axis_of(node)
    if axis is None:
        return {}
    found = {}
    for part in node.outputs:
        uses = list(part.uses())
        if len(uses) != 1 or uses[0].idx != 0 or part.is_graph_output():
            continue
        if axis_of(uses[0].node) == axis:
            found[part] = uses[0].node
    return found


def merge(model: Model, split: Node, inner: dict[Value, Node]) -> None:
    """Put one Split in the place of a Split and those of its parts."""
    out, axis = Builder(), axis_of(split)
    assert axis is not None
    old = [v for part in split.outputs for v in (inner[part].outputs if part in inner else [part])]
    sizes = np.array([shape_of(v)[axis] for v in old], np.int64)
    made = out.node("Split", [split.inputs[0], sizes], outputs=len(old), axis=axis)
    nodes = [*inner.values(), split]
    adopt(model, out, split, origin_of(nodes), "merge-splits")
    for value, part in zip(old, made, strict=True):
        substitute(value, part)
    remove_unused(model.graph, nodes)
