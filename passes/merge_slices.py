"""One Split for several parts of a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmc.ir import Graph, Model, Node, Value, is_static, origin_of, shape_of
from mmc.pass_manager import Pass
from mmc.passes.rules.slices import ranges
from mmc.pattern import Builder, NoMatch, adopt, remove_unused, substitute


@dataclass(frozen=True)
class MergeSlices(Pass):
    """x[:a], x[a:b], x[b:]  ->  Split(x), where the parts cover an axis without overlap."""

    name = "merge-slices"

    def run(self, model: Model) -> int:
        """Return the number of Splits that were made."""
        found = list(groups_of(model.graph))
        for axis, slices in found:
            merge(model, axis, slices)
        return len(found)


def groups_of(graph: Graph) -> Iterator[tuple[int, list[Node]]]:
    """Yield (axis, slices in the order of their parts) of every value that is cut up wholly."""
    cut: dict[tuple[Value, int], dict[tuple[int, int], Node]] = {}
    for node in graph:
        span = part_of(node)
        if span is not None and node.inputs[0] is not None:
            axis, start, stop = span
            cut.setdefault((node.inputs[0], axis), {}).setdefault((start, stop), node)
    for (x, axis), parts in cut.items():
        spans = sorted(parts)
        ends = [0, *(stop for _, stop in spans)]
        starts = [*(start for start, _ in spans), shape_of(x)[axis]]
        if ends == starts:
            yield axis, [parts[span] for span in spans]


def part_of(node: Node) -> tuple[int, int, int] | None:
    """Return (axis, start, stop) of a Slice that takes one run of one axis."""
    x = node.inputs[0] if node.inputs else None
    if node.op_type != "Slice" or node.domain or x is None or not is_static(x):
        return None
    try:
        spans = ranges(node)
    except NoMatch:
        return None
    if len(spans) != 1 or spans[0][3] != 1 or spans[0][1] == spans[0][2]:
        return None
    return spans[0][:3]


def merge(model: Model, axis: int, slices: list[Node]) -> None:
    """Put one Split in the place of the slices."""
    out, x = Builder(), slices[0].inputs[0]
    sizes = np.array([shape_of(node.outputs[0])[axis] for node in slices], np.int64)
    parts = out.node("Split", [x, sizes], outputs=len(slices), axis=axis)
    origin = origin_of(slices)
    graph = model.graph
    first = next(node for node in graph if node in set(slices))
    adopt(model, out, first, origin, "merge-slices")
    for node, part in zip(slices, parts, strict=True):
        substitute(node.outputs[0], part)
    remove_unused(graph, slices)
