"""Operands of one node must agree in their types where the operator says that they are one type."""

from __future__ import annotations

import onnx_ir as ir

from mmc.diagnostics import ModelError
from mmc.values import every_node, schema_of


def check_operands(model: ir.Model) -> None:
    """Refuse a node whose operands have two types where its operator has one, as runtimes do.

    ONNX's inference does not tell: exporters write such nodes, and the error would else come from
    what the node is decomposed into.

    Raises:
        ModelError: MMC114, naming the node and its operands.
    """
    checked: set[tuple[object, ...]] = set()
    for node in every_node(model.graph):
        key = (node.domain, node.op_type, *(_type(v) for v in node.inputs))
        if key not in checked:
            checked.add(key)
            _check(node)


def _check(node: ir.Node) -> None:
    schema = schema_of(node.domain, node.op_type)
    if schema is None:
        return
    bound: dict[str, tuple[str, str]] = {}
    for position, value in enumerate(node.inputs):
        formal = schema.inputs[min(position, len(schema.inputs) - 1)]
        found = _type(value)
        if not found or value is None or not formal.is_homogeneous:
            continue
        name, first = bound.setdefault(formal.type_str, (value.name or "", found))
        if first != found:
            raise ModelError(
                "MMC114",
                f"{node.op_type} {node.name!r}",
                "its inputs do not go together",
                why=f"{name!r} is {first} and {value.name!r} is {found}, where ONNX wants one type",
                fix="cast one of them where the model is exported; ONNX Runtime refuses it too",
            )


def _type(value: ir.Value | None) -> str:
    """Return the name of a value's element type, as ONNX writes it; "" if it is not known."""
    if value is None:
        return ""
    kind = value.const_value.dtype if value.const_value is not None else value.dtype
    return "" if kind is None else kind.name.lower()
