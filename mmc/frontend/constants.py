"""Constants in one form: initializers of the main graph, dense, and every name unique."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import onnx_ir as ir

from mmc.diagnostics import ModelError
from mmc.values import SOURCES, every_node


def densify(graph: onnx.GraphProto) -> None:
    """Turn sparse constants into dense ones."""
    for sparse in graph.sparse_initializer:
        graph.initializer.append(_dense(sparse))
    graph.ClearField("sparse_initializer")
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.SPARSE_TENSOR and node.op_type == "Constant":
                dense = _dense(attribute.sparse_tensor)
                attribute.CopyFrom(onnx.helper.make_attribute("value", dense))
            for inner in [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else []:
                densify(inner)


def _dense(sparse: onnx.SparseTensorProto) -> onnx.TensorProto:
    external = onnx.TensorProto.EXTERNAL
    name = sparse.values.name
    if external in (sparse.values.data_location, sparse.indices.data_location):
        why = "its values are large or stored in another file"
        fix = "store it as a dense tensor"
        raise ModelError("MMC105", f"sparse tensor {name!r}", "cannot be read", why=why, fix=fix)
    values = onnx.numpy_helper.to_array(sparse.values)
    indices = onnx.numpy_helper.to_array(sparse.indices)
    dense = np.zeros(list(sparse.dims), values.dtype)
    if indices.ndim == 2:
        dense[tuple(indices.T)] = values
    else:
        dense.reshape(-1)[indices] = values
    return onnx.numpy_helper.from_array(dense, name)


def prepare(model: ir.Model) -> None:
    """Make every constant an initializer of the main graph, and every name unique."""
    graph = model.graph
    graph.inputs[:] = [v for v in graph.inputs if v.name not in graph.initializers]
    reserved = {v.name or "" for v in (*graph.inputs, *graph.outputs)}
    _unique_values(model, reserved)
    for inner in model.graph.subgraphs():
        for name in list(inner.initializers) if inner is not graph else ():
            _produce(inner, inner.initializers[name])
            graph.register_initializer(inner.initializers.pop(name))
    for node in list(every_node(graph)):
        if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
            _lift(graph, node)
    _unique_nodes(model)


def _produce(graph: ir.Graph, value: ir.Value) -> None:
    """Let an output of a subgraph that is a constant be the result of a node."""
    if not value.is_graph_output():
        return
    copy = ir.node("Identity", [value], name=value.name)
    copy.metadata_props[SOURCES] = value.name or ""
    copy.outputs[0].name = f"{value.name} copy"
    copy.outputs[0].type, copy.outputs[0].shape = value.type, value.shape
    graph.append(copy)
    graph.outputs[:] = [copy.outputs[0] if v is value else v for v in graph.outputs]


def _lift(graph: ir.Graph, node: ir.Node) -> None:
    """Turn a Constant node into an initializer of `graph`, the main graph."""
    old, home = node.outputs[0], node.graph
    tensor = ir.convenience.get_const_tensor(old)
    assert home is not None
    if tensor is None:
        raise ModelError("MMC105", f"Constant {node.name!r}", "has no value that mmc can read")
    name, old.name = old.name, f"{old.name} lifted"
    value = ir.Value(name=name, const_value=tensor, type=ir.TensorType(tensor.dtype))
    value.shape = ir.Shape(tensor.shape.numpy())
    tensor.name = name
    if old.is_graph_output() and home is not graph:
        # a subgraph must produce its outputs itself
        value.name = tensor.name = f"{name} value"
        copy = ir.node("Identity", [value], name=node.name)
        copy.outputs[0].name = name
        copy.outputs[0].type, copy.outputs[0].shape = value.type, value.shape
        home.insert_before(node, copy)
        old.replace_all_uses_with(copy.outputs[0], replace_graph_outputs=True)
    else:
        old.replace_all_uses_with(value, replace_graph_outputs=True)
    home.remove(node, safe=True)
    graph.register_initializer(value)


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph:
        yield from node.outputs


def _unique_values(model: ir.Model, reserved: set[str]) -> None:
    """Give values of subgraphs names of their own where another graph has the same."""
    taken = set(reserved)
    for graph in model.graphs():
        for value in list(_values(graph)):
            keep = graph is model.graph and (value.name in reserved)
            if keep or not value.name:
                continue
            if value.name in taken:
                value.name = _free(value.name, taken)
            taken.add(value.name)


def _unique_nodes(model: ir.Model) -> None:
    """Give every node a name of its own; a nameless one is called as its first result."""
    taken: set[str] = set()
    for node in every_node(model.graph):
        wanted = node.name or next((v.name for v in node.outputs if v.name), node.op_type)
        node.name = _free(wanted, taken) if wanted in taken else wanted
        taken.add(node.name)


def _free(name: str, taken: set[str]) -> str:
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
