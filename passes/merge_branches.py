"""Compute both branches of an `If` that only the data decides, and select."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from onnx_ir import Shape

from mmc.builder import derived, initializer
from mmc.diagnostics import ModelError
from mmc.ir import (
    SOURCES,
    Graph,
    Model,
    Node,
    Value,
    attrs,
    discard,
    is_static,
    origin_of,
    shape_of,
    sources,
)
from mmc.naming import fresh_name
from mmc.pass_manager import Pass
from mmc.passes.inline_if import _substitute, move_branch
from mmc.remedies import decided_by
from mmc.shapes import infer_node

BRANCHES = ("then_branch", "else_branch")


@dataclass(frozen=True)
class MergeBranches(Pass):
    """If(c, A, B)  ->  Where(c, A, B), where the branches return tensors of the same static shapes.

    No artifact has branches; operators have no effects, so that computing both changes nothing.
    An If that only flags decide (inputs of one element) stays: binding them halves the work.
    """

    name = "merge-branches"

    def run(self, model: Model) -> int:
        """Return the number of Ifs that were replaced; nested ones included."""
        changes = 0
        work = [node for node in model.graph if node.op_type == "If"]
        while work:
            node = work.pop()
            refuse_many(node)
            if mergeable(node) and not flagged(node, model):
                work += [n for n in merge(node) if n.op_type == "If"]
                changes += 1
        return changes


def refuse_many(node: Node) -> None:
    """Raise ModelError MMC105 where more than one truth value is to decide: no checker looks."""
    condition = node.inputs[0]
    if condition is None or not is_static(condition) or (n := prod(shape_of(condition))) == 1:
        return
    why = "ONNX: the condition of an If is one truth value"
    raise ModelError("MMC105", f"If {node.name!r}", f"is to be decided by {n} values", why=why)


def flagged(node: Node, model: Model) -> bool:
    """Say whether only inputs of one element decide the branch."""
    names = decided_by(node.inputs[:1])
    deciding = [v for v in model.graph.inputs if v.name in names]
    return all(prod(shape_of(v)) == 1 for v in deciding)


def mergeable(node: Node) -> bool:
    """Say whether both branches return tensors of one type and static shape, output by output."""
    for which in BRANCHES:
        for inner in attrs(node)[which]:
            infer_node(inner)  # ONNX's inference of a whole model knows less of its branches
    pairs = zip(*(attrs(node)[which].outputs for which in BRANCHES), strict=True)
    return all(
        a.type is not None
        and a.type == b.type
        and a.dtype is not None
        and is_static(a)
        and is_static(b)
        and a.shape == b.shape
        for a, b in pairs
    )


def scalar(graph: Graph, value: Value, before: Node) -> Value:
    """Return a value of one element without axes."""
    shape = initializer(graph, value, np.zeros(0, np.int64))
    node = derived(graph, "Reshape", [value, shape], value, sources(before))
    node.outputs[0].shape = Shape([])
    graph.insert_before(before, node)
    return node.outputs[0]


def merge(node: Node) -> list[Node]:
    """Move both branches before the node and select; returns the new nodes."""
    graph, condition = node.graph, node.inputs[0]
    assert isinstance(graph, Graph)
    assert condition is not None
    (first, yes), (second, no) = (move_branch(node, which) for which in BRANCHES)
    moved = [*first, *second]
    if any(len(shape_of(a)) < len(shape_of(condition)) for a in yes):
        condition = scalar(graph, condition, node)  # (1,) would give a scalar an axis
    for old, a, b in zip(node.outputs, yes, no, strict=True):
        select = Node("", "Where", [condition, a, b], name=fresh_name(graph, node.name or "If"))
        select.metadata_props[SOURCES] = origin_of([node])
        made = select.outputs[0]
        made.type, made.shape = a.type, a.shape
        made.name = fresh_name(graph, old.name or "If")
        graph.insert_before(node, select)
        moved += [select, *_substitute(graph, node, old, made)]
    discard(node)
    return moved
