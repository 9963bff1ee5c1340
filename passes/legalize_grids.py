"""Grids as integer kernels have them."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.integers.grids import affine_of, grids_of, operands, read_on, rounded_to
from mmc.integers.integer_ops import FIXED
from mmc.integers.layers import base_of
from mmc.ir import Graph, Model, Node
from mmc.pass_manager import Contract, Pass
from mmc.passes.spread_grids import put_behind
from mmc.quant.ranges import Affine, affine
from mmc.values import CHANGED_GRIDS

AVERAGES = ("AveragePool", "AveragePool2d", "Resize2d")
"""Their kernels write the scale that they read."""
COARSER = 2.0
"""Steps may become so many times as large as the model's own, where a kernel demands it."""


@dataclass(frozen=True)
class LegalizeGrids(Pass):
    """Give values the nearest grid that kernels have, where the model's own is none.

    16 bits have no zero point; results of sigmoid, softmax and tanh have a scale of their own; what
    averages rounds to the scale that it reads before it rounds to another one.
    """

    name = "legalize-grids"
    contract = Contract.LOSSY
    budget_db = 15.0

    def run(self, model: Model) -> int:
        """Return the number of grids that changed, and of those that are new."""
        changed = [(node, q) for node in grids_of(model.graph) if (q := centred(node))]
        for node, q in changed:
            regrid(model.graph, node, q)
        dictated = [(n, q) for n in model.graph if (q := of_kernel(n))]
        users = [(use.node, q) for n, q in dictated for use in n.outputs[0].uses()]
        for node, q in users:
            regrid(model.graph, node, q)
        averages = [(n, q) for n in model.graph if (q := of_average(n))]
        for node, q in averages:
            put_behind(model.graph, node.outputs[0], q)
        if count := len({node for node, _ in (*changed, *users)} | {n for n, _ in averages}):
            known = int(model.metadata_props.get(CHANGED_GRIDS, "0"))
            model.metadata_props[CHANGED_GRIDS] = str(known + count)
        return len(changed) + len(users) + len(averages)


def centred(node: Node) -> Affine | None:
    """Return the grid without zero point that holds what one of 16 bits with such holds."""
    q = affine_of(node)
    return None if q is None or q.bits == 8 or not q.zero else affine(*q.ends, 16)


def of_kernel(node: Node) -> Affine | None:
    """Return the grid that a kernel's results have, if they are rounded to another one."""
    own = rounded_to(node.outputs[0]) if base_of(node)[1] in FIXED else None
    wanted = None if own is None else FIXED[base_of(node)[1]].get(own.bits)
    if own is None or wanted is None or own == wanted or wanted.scale > COARSER * own.scale:
        return None
    return wanted


def of_average(node: Node) -> Affine | None:
    """Return the grid that averages are rounded to first, if they are rounded to another one."""
    if base_of(node)[1] not in AVERAGES or node.inputs[0] is None:
        return None
    read, made = read_on(node.inputs[0]), rounded_to(node.outputs[0])
    if read is None or made is None or read == made or read.bits != made.bits:
        return None
    return read if read.scale <= COARSER * made.scale else None


def regrid(graph: Graph, node: Node, q: Affine) -> None:
    """Let a node round to another grid."""
    step = node.inputs[1]
    assert step is not None
    for place, value in enumerate(operands(graph, step, q), 1):
        node.replace_input_with(place, value)
