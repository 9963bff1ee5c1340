"""Replace operators by the definition that the ONNX standard gives of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import onnx
import onnx_ir as ir
from onnx import inliner
from onnx_ir.passes.common import LiftConstantsToInitializersPass

from mmc.inference import infer, type_proto
from mmc.ir import OPSET, SOURCES, Graph, Model, Node, is_static
from mmc.naming import fresh_name
from mmc.pass_manager import Contract, Pass
from mmc.values import schema_of


@dataclass(frozen=True)
class ExpandFunctions(Pass):
    """Replace operators whose standard definition is a function, except `keep`, by its body."""

    name = "expand-functions"
    contract = Contract.REASSOCIATES
    keep: tuple[str, ...] = ()
    """Op types that the backend lowers, or that later passes bring to such."""

    def run(self, model: Model) -> int:
        """Return the number of operators that were replaced, those of bodies among them."""
        total = 0
        while count := self.sweep(model):
            infer(model)
            total += count
        return total

    def sweep(self, model: Model) -> int:
        """Replace the operators that are there now; their bodies may hold others."""
        nodes = [n for n in model.graph if n.op_type not in self.keep and has_function(n)]
        return sum(expand(model.graph, node) for node in nodes)


def functions_among(op_types: Iterable[str]) -> tuple[str, ...]:
    """Return those operators that the standard defines by a function."""
    return tuple(op_type for op_type in op_types if is_function(schema_of("", op_type)))


def is_function(schema: onnx.defs.OpSchema | None) -> bool:
    """Say whether an operator is defined by others."""
    described: Any = schema  # the stubs of onnx leave these attributes out
    return schema is not None and bool(
        described.has_function or described.has_context_dependent_function
    )


def has_function(node: Node) -> bool:
    """Say whether the standard defines the operator by others, and its inputs are known enough."""
    schema = schema_of(node.domain, node.op_type) if node.domain in ("", "ai.onnx") else None
    known = all(v is None or (v.type is not None and is_static(v)) for v in node.inputs)
    return known and is_function(schema)


def expand(graph: Graph, node: Node) -> bool:
    """Put the body of the node's function in its place; say whether that was possible.

    Bodies with branches are left alone: shapes inside them are not known.
    """
    body = body_of(node)
    if any(inner.op_type in ("If", "Loop", "Scan", node.op_type) for inner in body):
        return False
    origin = node.metadata_props.get(SOURCES, "")
    moved, results = list(body), list(body.outputs)
    given = [v for v in node.inputs if v is not None]
    for inner, outer in zip(list(body.inputs), given, strict=True):
        inner.replace_all_uses_with(outer, replace_graph_outputs=True)
        results = [outer if v is inner else v for v in results]
    body.outputs.clear()
    for value in list(body.initializers.values()):
        body.initializers.pop(value.name or "")
        value.name = fresh_name(graph, node.name or node.op_type)
        graph.register_initializer(value)
    for made in list(body.all_nodes()):
        made.name = fresh_name(graph, node.name or node.op_type)
        made.metadata_props[SOURCES] = origin
        for value in made.outputs:
            value.name = fresh_name(graph, node.outputs[0].name or node.op_type)
    body.remove(moved)
    graph.insert_before(node, moved)
    used = [v for v in node.outputs if v.name]
    for old, new in zip(used, results, strict=True):
        substitute(graph, node, old, new)
    graph.remove(node, safe=True)
    return True


def substitute(graph: Graph, node: Node, old: ir.Value, new: ir.Value) -> None:
    """Let `new` stand for `old`; an output of the model gets a node of its own."""
    new.shape, new.type = new.shape or old.shape, new.type or old.type
    if old.is_graph_output() and (new.producer() is None or new.is_graph_output()):
        identity = ir.Node("", "Identity", [new], name=fresh_name(graph, node.name or ""))
        identity.metadata_props[SOURCES] = node.metadata_props.get(SOURCES, "")
        graph.insert_before(node, identity)
        identity.outputs[0].shape, identity.outputs[0].type = new.shape, new.type
        new = identity.outputs[0]
    name, output = old.name, old.is_graph_output()
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    if output:
        old.name = None
        new.name = name


def body_of(node: Node) -> Graph:
    """Return the function's body for this node's types and attributes, its constants lifted.

    Its inputs are the node's inputs that are not omitted, its outputs those that have a name.
    """
    names = ["" if v is None else f"in {i}" for i, v in enumerate(node.inputs)]
    proto = onnx.NodeProto(
        op_type=node.op_type,
        input=names,
        output=[f"out {i}" if v.name else "" for i, v in enumerate(node.outputs)],
        attribute=[ir.serde.serialize_attribute(a) for a in node.attributes.values()],
    )
    schema = schema_of("", node.op_type)
    assert schema is not None
    for name, spec in schema.attributes.items():
        if name not in node.attributes and spec.default_value.name:
            proto.attribute.append(spec.default_value)
    types = [onnx.TypeProto() if v is None else type_proto(v) for v in node.inputs]
    function = function_of(schema, proto, types)
    proto.domain, proto.op_type = function.domain, function.name
    graph = onnx.GraphProto(name="body", node=[proto])
    for name, kind in zip(names, types, strict=True):
        if name:
            graph.input.add(name=name, type=kind)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in proto.output if name)
    imports = [onnx.helper.make_opsetid("", OPSET), onnx.helper.make_opsetid(function.domain, 1)]
    model = onnx.ModelProto(ir_version=13, opset_import=imports, graph=graph, functions=[function])
    body = ir.from_proto(inliner.inline_local_functions(model))
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(body)
    return body.graph


def function_of(
    schema: Any, node: onnx.NodeProto, types: list[onnx.TypeProto]
) -> onnx.FunctionProto:
    """Return the function that defines a node in the working opset, under a name of its own."""
    if schema.has_context_dependent_function:
        kinds = [kind.SerializeToString() for kind in types]
        data = schema.get_context_dependent_function(node.SerializeToString(), kinds)
    else:
        data = schema.function_body.SerializeToString()
    function: onnx.FunctionProto = onnx.FunctionProto.FromString(data)
    function.name, function.domain = "body", "mmc.body"
    for imported in function.opset_import:
        if imported.domain == "":
            imported.version = OPSET
    return function
