"""Operators next to a root or a division: codes would ruin them, so they stay float.

A code is off by half a step of the whole tensor's range. Where a small number is divided by, or
its root taken, that is a large part of the result: a normalization would divide by 0.
"""

from __future__ import annotations

from collections.abc import Iterable

import onnx_ir as ir

from mmc.integers.integer_ops import JOINED, SAME, WEIGHTED
from mmc.integers.layers import base_of
from mmc.ir import Node, constant

RELATIVE = frozenset("Sqrt Rsqrt Reciprocal Div Pow Log".split())
"""What counts of their operands is the relative error."""
POINTWISE = frozenset("Add Sub Mul".split())
BOUNDS = frozenset("Clip Floor Max Min Round".split())
WHOLE = (ir.DataType.INT32, ir.DataType.INT64)
MATRICES = frozenset("MatMul MatMulTN MatMulNT MatMulTT".split())


def delicate(nodes: Iterable[Node]) -> set[Node]:
    """Return the nodes of a graph, in its order, that codes would ruin, or gain nothing.

    These are the operators of RELATIVE, products and sums with their results, what only adds
    constants to those or multiplies them, and what is computed for such nodes only. Products of
    matrices and convolutions are not among them.
    """
    order = list(nodes)
    found: set[Node] = set()
    for node in order:
        if base_of(node)[1] in RELATIVE or _follows(node, found):
            found.add(node)
    for node in reversed(order):
        if _serves(node, found):
            found.add(node)
    return found


def exact(nodes: Iterable[Node]) -> set[Node]:
    """Return what is computed for whole numbers only: a Cast cuts off, and 2.9999 becomes 2.

    So are the products that are compared for equality, as trees count the splits above a leaf.
    """
    order = list(nodes)
    equal = {n for n in order if n.op_type == "Equal"}
    found = equal | {n for n in order if n.op_type == "Cast" and n.outputs[0].dtype in WHOLE}
    for node in reversed(order):
        users = {use.node for out in node.outputs for use in out.uses()}
        op = base_of(node)[1]
        if op in POINTWISE | BOUNDS and users and users <= found:
            found.add(node)
        elif op in MATRICES or op in WEIGHTED:
            found |= {node} if users and users <= equal else set()
    return found


def _follows(node: Node, found: set[Node]) -> bool:
    """Say whether a node is pointwise on a quotient, or on such a result and constants."""
    if base_of(node)[1] not in POINTWISE:
        return False
    makers = [v.producer() for v in node.inputs if v is not None and constant(v) is None]
    if any(m is not None and base_of(m)[1] in RELATIVE for m in makers):
        return True
    return len(makers) == 1 and makers[0] in found


def _serves(node: Node, found: set[Node]) -> bool:
    """Say whether all who read a node are in the set, and it is cheap itself."""
    op = base_of(node)[1]
    if op in WEIGHTED or op in MATRICES or op in SAME | JOINED:
        return False
    users = [use.node for out in node.outputs for use in out.uses()]
    ends = any(out.is_graph_output() for out in node.outputs)
    return bool(users) and not ends and all(user in found for user in users)
