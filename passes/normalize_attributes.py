"""One spelling of attributes: axes count from the front, defaults are left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import onnx_ir as ir

from mmc.ir import Model, Node
from mmc.pass_manager import Pass
from mmc.values import every_node, schema_of

ON_INPUT = frozenset(
    {"ArgMax", "ArgMin", "Compress", "Concat", "Flatten", "Gather", "GatherElements", "Hardmax"}
    | {"LayerNormalization", "LogSoftmax", "LpNormalization", "RMSNormalization", "ScatterElements"}
    | {"Softmax", "Split", "TopK", "DequantizeLinear", "QuantizeLinear", "Unique"}
)
"""Operators whose `axis` counts the dimensions of their first input."""


@dataclass(frozen=True)
class NormalizeAttributes(Pass):
    """Count axes from the front and drop attributes that equal ONNX's default."""

    name = "normalize-attributes"

    def run(self, model: Model) -> int:
        """Return the number of attributes that changed."""
        return sum(_axis(node) + _defaults(node) for node in every_node(model.graph))


def _axis(node: Node) -> int:
    axis = node.attributes.get("axis")
    value = node.inputs[0] if node.inputs else None
    if axis is None or node.op_type not in ON_INPUT or node.domain or axis.is_ref():
        return 0
    if value is None or value.shape is None or axis.as_int() >= 0:
        return 0
    if axis.as_int() == default_of(node.domain, node.op_type).get("axis"):
        return 0
    node.attributes["axis"] = ir.AttrInt64("axis", axis.as_int() + len(value.shape))
    return 1


def _defaults(node: Node) -> int:
    known = default_of(node.domain, node.op_type)
    dropped = [
        name
        for name, a in node.attributes.items()
        if name in known and not a.is_ref() and _equal(node, name, a, known[name])
    ]
    for name in dropped:
        del node.attributes[name]
    return len(dropped)


def _equal(node: Node, name: str, attribute: ir.Attr, default: object) -> bool:
    value = attribute.value
    value = tuple(value) if isinstance(value, (list, tuple)) else value
    if name == "axis" and isinstance(default, int) and node.op_type in ON_INPUT:
        shape = node.inputs[0].shape if node.inputs[0] is not None else None
        rank = 0 if shape is None else len(shape)
        return bool(value == default or (rank and value == default + rank and default < 0))
    return bool(value == default)


@cache
def default_of(domain: str, op_type: str) -> dict[str, object]:
    """Return the plain (number, string, list) defaults of an operator's attributes."""
    schema = schema_of(domain, op_type)
    found: dict[str, object] = {}
    for name, spec in ({} if schema is None else schema.attributes).items():
        proto = spec.default_value
        if not proto.name or proto.type in (4, 5, 9, 10):
            continue
        value = ir.serde.deserialize_attribute(proto).value
        found[name] = tuple(value) if isinstance(value, (list, tuple)) else value
    return found
