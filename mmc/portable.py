"""Standard ONNX that other tools take: no functions of mmc's own, no newer opset than needed."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

WIDELY_KNOWN = 24
"""Opset 25 adds types of 2 bits and windows to Attention, nothing else; ONNX Runtime 1.32 has
Attention's kernel up to opset 24 and runs a much slower definition of it above."""

TWO_BITS = (TensorProto.INT2, TensorProto.UINT2)
TYPES = ("to", "dtype", "output_dtype")
"""Attributes that name a type."""


def portable(model: ModelProto) -> ModelProto:
    """Return the model with every mmc operator replaced by its body, in the lowest opset it fits.

    Opset 25 becomes 24 where that means the same; other opsets stay. Average pools do not say that
    they are dense: ONNX Runtime gives quantized ones all attributes, and theirs knows no dilations.
    """
    if model.functions:
        from onnx.inliner import inline_local_functions

        model = inline_local_functions(model)
    imports = {i.domain: i for i in model.opset_import}
    default = imports.get("", imports.get("ai.onnx"))
    if default is not None and default.version > WIDELY_KNOWN and fits(model.graph):
        default.version = WIDELY_KNOWN
    for node in model.graph.node:
        dense = [a for a in node.attribute if a.name == "dilations" and {*a.ints} == {1}]
        if dense and node.op_type == "AveragePool":
            node.attribute.remove(dense[0])
    return model


def fits(graph: GraphProto) -> bool:
    """Say whether a graph of the working opset means the same in WIDELY_KNOWN."""
    values = (*graph.input, *graph.output, *graph.value_info)
    types = {t.data_type for t in graph.initializer}
    types |= {v.type.tensor_type.elem_type for v in values}
    return types.isdisjoint(TWO_BITS) and all(known(node) for node in graph.node)


def known(node: NodeProto) -> bool:
    """Say whether an operator with these attributes is the same in WIDELY_KNOWN."""
    if node.domain not in ("", "ai.onnx"):
        return True
    if not onnx.defs.has(node.op_type, WIDELY_KNOWN):
        return False
    schema = onnx.defs.get_schema(node.op_type, WIDELY_KNOWN)
    return all(a.name in schema.attributes and plain(a) for a in node.attribute)


def plain(attribute: AttributeProto) -> bool:
    """Say whether an attribute needs nothing of a later opset."""
    if attribute.name in TYPES and attribute.i in TWO_BITS:
        return False
    if attribute.t.data_type in TWO_BITS:
        return False
    return all(fits(graph) for graph in graphs_of(attribute))


def graphs_of(attribute: AttributeProto) -> Iterator[GraphProto]:
    """Yield the graphs that an attribute holds."""
    if attribute.HasField("g"):
        yield attribute.g
    yield from attribute.graphs
