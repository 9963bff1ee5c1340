"""Common subexpression elimination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from mmc.interpret import RANDOM
from mmc.ir import Array, Model, Node, Value, digest
from mmc.matching import COMMUTATIVE
from mmc.pass_manager import Pass
from mmc.pattern import remove_unused

SMALL = 1024
"""Constants up to this many bytes are compared by content, larger ones by identity."""


@dataclass(frozen=True)
class EliminateCommonSubexpressions(Pass):
    """Compute equal expressions once: same operator, attributes and operands."""

    name = "eliminate-common-subexpressions"

    def run(self, model: Model) -> int:
        """Return the number of nodes that an earlier equal one replaced."""
        first: dict[tuple[Any, ...], Node] = {}
        changes = 0
        for node in model.graph:
            key = _key(node)
            keep = node if key is None else first.setdefault(key, node)
            if keep is not node and _merge(keep, node):
                remove_unused(model.graph, [node])
                changes += 1
        return changes


def _key(node: Node) -> tuple[Any, ...] | None:
    if node.op_type in RANDOM:
        return None
    attributes = []
    for name, a in sorted(node.attributes.items()):
        if a.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS):
            return None
        is_tensor = a.type == ir.AttributeType.TENSOR
        attributes.append((name, _content(a.as_tensor().numpy()) if is_tensor else repr(a.value)))
    operands = [_operand(v) for v in node.inputs]
    if node.op_type in COMMUTATIVE and node.domain == "":
        operands.sort(key=repr)
    return node.domain, node.op_type, len(node.outputs), tuple(attributes), tuple(operands)


def _operand(value: Value | None) -> tuple[Any, ...]:
    if value is None:
        return ()
    tensor = value.const_value if value.is_initializer() else None
    if tensor is None or tensor.nbytes > SMALL:
        return (id(value),)
    return _content(tensor.numpy())


def _content(array: Array) -> tuple[Any, ...]:
    data = array.tobytes() if array.nbytes <= SMALL and array.dtype != object else digest(array)
    return array.dtype, array.shape, data


def _merge(keep: Node, node: Node) -> bool:
    """Let `keep`'s results stand for `node`'s; outputs of the model need a node of their own."""
    pairs = list(zip(keep.outputs, node.outputs, strict=True))
    if any(old.is_graph_output() for _, old in pairs):
        return False
    for new, old in pairs:
        if not new.name and old.uses():
            return False
    for new, old in pairs:
        old.replace_all_uses_with(new)
    return True
