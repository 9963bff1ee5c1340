"""Types and shapes of values, by ONNX's own inference: of a whole model, or of one node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
import onnx_ir as ir
from onnx import checker, inliner, shape_inference

from mmc.diagnostics import ModelError
from mmc.known_types import Known, known_by, set_type
from mmc.values import GRAPHS, OPSET, every_node, is_static, schema_of

SMALL = 256
"""Constants with at most this many elements take part in inference: shapes, axes, pads."""
FEW = 10
"""As many floats take part: scales, regions and steps. More of them are weights, which differ from
node to node where the answer does not."""

IR_VERSION = 13
CACHE_LIMIT = 20_000

REFUSALS = (shape_inference.InferenceError, checker.ValidationError, RuntimeError)
"""What ONNX raises on operands that do not go together."""

MISREAD = {"STFT": ("onesided", 1)}
"""Defaults that ONNX's inference takes for another value: it is told them."""

Answer = tuple[Known | None, ...]
_answers: dict[tuple[Any, ...], Answer] = {}


def infer(model: ir.Model) -> None:
    """Set the type and shape of every value; raises ModelError (MMC114) where they contradict.

    ONNX infers the whole graph at once, with the large weights left out; what it leaves open is
    asked again node by node, with the constants that are known by now.
    """
    proto = _without_weights(model)
    data = proto.SerializeToString()
    inferred = shape_inference.infer_shapes(data, check_type=False, data_prop=True)
    _copy_types(inferred.graph, model.graph)
    for node in model.graph:
        if not all(v.type is not None and is_static(v) for v in node.outputs if v.name):
            infer_node(node)


def infer_node(node: ir.Node) -> None:
    """Set types and shapes of a node's outputs from its inputs' types and small constants.

    A dimension that cannot be known keeps what was recorded. Unknown inputs leave the node alone.

    Raises:
        ModelError: MMC114 when the inputs do not go together.
    """
    if any(v is not None and v.type is None and v.const_value is None for v in node.inputs):
        return
    graphs = [a for a in node.attributes.values() if a.type in GRAPHS]
    if graphs:
        answer = _ask(node)
    else:
        key = _key(node)
        found = _answers.get(key)
        if found is None:
            if len(_answers) > CACHE_LIMIT:
                _answers.clear()
            found = _answers[key] = _ask(node)
        answer = found
    for value, known in zip(node.outputs, answer, strict=True):
        if known is not None:
            set_type(value, known)


def _key(node: ir.Node) -> tuple[Any, ...]:
    attributes = tuple(
        (name, a.ref_attr_name or (a.value if a.type != ir.AttributeType.TENSOR else id(a.value)))
        for name, a in node.attributes.items()
    )
    return (
        node.domain,
        node.op_type,
        len(node.outputs),
        repr(attributes),
        tuple(_input_key(v) for v in node.inputs),
    )


def _input_key(value: ir.Value | None) -> tuple[Any, ...] | None:
    if value is None:
        return None
    dims, data = None, _small(value)
    if value.shape is not None:
        dims = tuple(d if isinstance(d, int) else d.value for d in value.shape.dims)
    elif value.const_value is not None:
        dims = tuple(value.const_value.shape.numpy())
    return value.dtype, str(value.type), dims, None if data is None else data.tobytes()


def _small(value: ir.Value) -> ir.TensorProtocol | None:
    tensor = ir.convenience.get_const_tensor(value)
    if tensor is None or tensor.dtype == ir.DataType.STRING:
        return None
    return tensor if tensor.size <= (FEW if tensor.dtype.is_floating_point() else SMALL) else None


def _ask(node: ir.Node) -> Answer:
    """Return ONNX's answer for one node, by its schema or through the body of its function."""
    names = _names(node)
    proto = _node_proto(node, names)
    types = {name: type_proto(v) for v, name in names.items()}
    data = {n: ir.serde.serialize_tensor(t) for v, n in names.items() if (t := _small(v))}
    schema = schema_of(node.domain, node.op_type)
    if schema is None:
        return _ask_function(node, proto, types, data)
    if not schema.has_type_and_shape_inference_function:
        if node.domain:  # classical machine learning that stays: nothing is known of its results
            return (None,) * len(proto.output)
        return (known_by(types.get(proto.input[0])),)  # two normalizations: as their operand
    try:
        imports = [onnx.helper.make_opsetid("", OPSET)]
        found = shape_inference.infer_node_outputs(
            schema, proto, types, data, opset_imports=imports, ir_version=IR_VERSION
        )
    except REFUSALS as error:
        raise _contradiction(node, error) from error
    return tuple(known_by(found.get(name)) for name in proto.output)


def _names(node: ir.Node) -> dict[ir.Value, str]:
    """Return a name for every value read; what a rule has just made may have another's name."""
    names: dict[ir.Value, str] = {}
    taken: set[str] = set()
    for i, value in enumerate(_read(node)):
        name = value.name or f"value {i}"
        names[value] = f"{name} {i}" if name in taken else name
        taken.add(names[value])
    return names


def _read(node: ir.Node) -> Iterator[ir.Value]:
    """Yield the values that a node reads, those captured by its subgraphs included, once each."""
    seen = dict.fromkeys(v for v in node.inputs if v is not None)
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            graph = attribute.as_graph()
            inner = {v for n in every_node(graph) for v in n.outputs} | set(graph.inputs)
            read = [v for n in every_node(graph) for v in n.inputs] + list(graph.outputs)
            seen |= dict.fromkeys(
                v for v in read if v is not None and v not in inner and v.type is not None
            )
    yield from seen


def _spell_out(proto: onnx.NodeProto) -> None:
    """Write down the default of MISREAD, unless the node has a value of its own."""
    name, value = MISREAD.get(proto.op_type, ("", 0))
    if name and not proto.domain and all(a.name != name for a in proto.attribute):
        proto.attribute.append(onnx.helper.make_attribute(name, value))


def _node_proto(node: ir.Node, names: dict[ir.Value, str]) -> onnx.NodeProto:
    proto = onnx.NodeProto(
        op_type=node.op_type,
        domain=node.domain,
        input=["" if v is None else names[v] for v in node.inputs],
        output=[f"result {i}" for i in range(len(node.outputs))],
        attribute=[ir.serde.serialize_attribute(a) for a in node.attributes.values()],
    )
    _spell_out(proto)
    return proto


def type_proto(value: ir.Value) -> onnx.TypeProto:
    """Return the type of a value as ONNX has it; a constant's comes from its tensor."""
    tensor = value.const_value
    proto = onnx.TypeProto()
    if tensor is not None:
        proto.tensor_type.elem_type = int(tensor.dtype)
        proto.tensor_type.shape.SetInParent()
        for dim in tensor.shape.numpy():
            proto.tensor_type.shape.dim.add(dim_value=dim)
    elif value.type is not None:
        ir.serde.serialize_type_into(proto, value.type)
        if value.shape is not None:
            ir.serde.serialize_shape_into(proto, value.shape)
    return proto


def _ask_function(
    node: ir.Node,
    proto: onnx.NodeProto,
    types: dict[str, onnx.TypeProto],
    data: dict[str, onnx.TensorProto],
) -> Answer:
    """Infer through the body of an `mmc` function: a model of this one node, inlined."""
    from mmc import opset

    if node.domain != opset.DOMAIN:
        return (None,) * len(node.outputs)
    graph = onnx.GraphProto(name="one", node=[proto])
    for name, kind in types.items():
        if name in data:
            graph.initializer.add().CopyFrom(data[name])
            graph.initializer[-1].name = name
        else:
            graph.input.add(name=name, type=kind)
    graph.output.extend(onnx.ValueInfoProto(name=n) for n in proto.output)
    imports = [onnx.helper.make_opsetid("", OPSET), onnx.helper.make_opsetid(node.domain, 1)]
    model = onnx.ModelProto(ir_version=IR_VERSION, opset_import=imports, graph=graph)
    model.functions.append(opset.function_proto(node.op_type))
    try:
        inlined = inliner.inline_local_functions(model)
        inferred = shape_inference.infer_shapes(inlined, strict_mode=True, data_prop=True)
    except REFUSALS as error:
        raise _contradiction(node, error) from error
    found = {v.name: v.type for v in inferred.graph.output}
    return tuple(known_by(found[n]) for n in proto.output)


def _contradiction(node: ir.Node, error: Exception) -> ModelError:
    shapes = ", ".join("-" if v is None else f"{v.name}: {v.dtype}{v.shape}" for v in node.inputs)
    reason = str(error).replace("\n", " ")
    return ModelError(
        "MMC114",
        f"{node.op_type} {node.name!r}",
        "its inputs do not go together",
        why=f"{reason} (inputs: {shapes})",
        fix="check the input shapes and the exported model",
    )


def _without_weights(model: ir.Model) -> onnx.ModelProto:
    """Return the model for inference: large initializers are inputs, outputs have no shape."""
    proto = onnx.ModelProto(ir_version=IR_VERSION)
    ir.serde._serialize_opset_imports_into(proto.opset_import, model.opset_imports)
    proto.functions.extend(ir.serde.serialize_function(f) for f in model.functions.values())
    graph = proto.graph
    graph.name = "graph"
    graph.node.extend(ir.serde.serialize_node(node) for node in model.graph)
    for node in graph.node:
        _spell_out(node)
    for value in model.graph.inputs:
        graph.input.add(name=value.name, type=type_proto(value))
    for value in model.graph.initializers.values():
        if (tensor := _small(value)) is not None:
            graph.initializer.add().CopyFrom(ir.serde.serialize_tensor(tensor))
            graph.initializer[-1].name = value.name or ""
        else:
            graph.input.add(name=value.name, type=type_proto(value))
    for value in model.graph.outputs:
        graph.output.add(name=value.name)
    _tell_bodies(graph, {tensor.name: tensor for tensor in graph.initializer})
    return proto


def _tell_bodies(graph: onnx.GraphProto, known: dict[str, onnx.TensorProto]) -> None:
    """Give bodies the constants around that they read: ONNX takes those for empty there."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                body = attribute.g
                own = {v.name for v in (*body.input, *body.initializer)}
                read = {name for inner in body.node for name in inner.input} - own
                body.initializer.extend(known[name] for name in sorted(read & known.keys()))
                _tell_bodies(body, known)


def _copy_types(proto: onnx.GraphProto, graph: ir.Graph) -> None:
    """Copy inferred types by name into a graph and its subgraphs."""
    types = {v.name: known_by(v.type) for v in (*proto.value_info, *proto.output)}
    for node, source in zip(graph, proto.node, strict=True):
        for value in node.outputs:
            known = types.get(value.name)
            if known is not None:
                set_type(value, known)
        for attribute in source.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _copy_types(attribute.g, node.attributes[attribute.name].as_graph())
