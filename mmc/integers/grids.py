"""Values that a model rounds to a grid of its own: `mmc::OnGrid`, codes in the end."""

from __future__ import annotations

import numpy as np

from mmc.builder import initializer
from mmc.ir import Graph, Node, Value, constant
from mmc.quant.ranges import Affine

BITS = {"int8": 8, "int16": 16}


def is_grid(node: Node | None) -> bool:
    """Say whether a node rounds to a grid."""
    return node is not None and node.op_type == "OnGrid" and node.domain == "mmc"


def grids_of(graph: Graph) -> list[Node]:
    """Return the nodes that round to a grid."""
    return [node for node in graph if is_grid(node)]


def affine_of(node: Node | None) -> Affine | None:
    """Return the codes behind a node that rounds to a grid; None of another node.

    A model may bring such a node itself, with operands that nothing here writes.
    """
    if node is None or not is_grid(node):
        return None
    known = [array for v in node.inputs[1:] if (array := constant(v)) is not None]
    if len(known) != 3 or any(array.size != 1 for array in known):
        return None
    step, zero, scale = known
    if step.item() != scale.item() or str(zero.dtype) not in BITS:
        return None
    return Affine(BITS[str(zero.dtype)], float(step.item()), int(zero.item()))


def operands(graph: Graph, like: Value, q: Affine) -> list[Value]:
    """Return what a node that rounds to a grid reads besides its input; new constants."""
    kind = np.int8 if q.bits == 8 else np.int16
    step = initializer(graph, like, np.asarray(np.float32(q.scale)))
    return [step, initializer(graph, like, np.asarray(q.zero, kind)), step]


def read_on(value: Value) -> Affine | None:
    """Return the grid that a value was rounded to, if it was."""
    return affine_of(value.producer())


def only_leaves(node: Node) -> bool:
    """Say whether a node makes an output of the model, and nothing else reads it."""
    return node.outputs[0].is_graph_output() and not node.outputs[0].uses()


def rounded_to(value: Value) -> Affine | None:
    """Return the one grid that all who read a value round it to first, if it is so."""
    found = {affine_of(use.node) for use in value.uses()}
    if value.is_graph_output() or len(found) != 1:
        return None
    return found.pop()
