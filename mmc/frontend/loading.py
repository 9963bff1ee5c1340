"""Bring a file or a text into the working form: opset 25, IR version 13, weights in their file."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import inliner, parser

from mmc.diagnostics import MmcError, ModelError
from mmc.frontend import checks, contrib
from mmc.frontend.conversion import to_working_opset
from mmc.frontend.protobuf import LIMIT, WireError, strip
from mmc.frontend.protos import all_nodes
from mmc.frontend.weights import check_data, check_finite, mapped
from mmc.inference import infer
from mmc.values import ARRIVED_QUANTIZED, SOURCES, Array, is_static

IR_VERSION = 13
logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # what it warns of is checked here

MEMORY = "\0memory"
"""Location of a `parse` constant while its model is converted: no file has this name."""


INTEGER_OPS = frozenset(
    "QuantizeLinear DequantizeLinear DynamicQuantizeLinear MatMulInteger ConvInteger QLinearConv"
    " QLinearMatMul MatMulIntegerToFloat DynamicQuantizeMatMul DynamicQuantizeLSTM QAttention"
    " QGemm MatMulNBits".split()
)
BYTES = (ir.DataType.INT8, ir.DataType.UINT8)


def load(path: str | os.PathLike[str]) -> ir.Model:
    """Read an ONNX file into working form; its large weights are mapped, never copied.

    Values have types and shapes when the inputs have static shapes; otherwise fix_shapes and infer
    come first.

    Raises:
        ModelError: MMC101 to MMC119, see docs/diagnostics.md.
    """
    file = Path(path)
    proto = read_stripped(file)
    try:
        contrib.spell(proto)
        checks.check_model(proto)
        check_data(proto, file)
        model = _working_form(proto)
        mark_quantized(model)
        _map_weights(model, file.parent)
        contrib.expand(model)
        if all(is_static(value) for value in model.graph.inputs):
            infer(model)
        for name, value in model.graph.initializers.items():
            if value.const_value is not None:
                check_finite(name, value.const_value)
    except MmcError:
        raise
    except Exception as error:  # the libraries raise all kinds on damaged models
        why = f"{type(error).__name__}: {str(error).strip()[:500]}"
        raise ModelError("MMC105", str(file), "is not a valid ONNX model", why=why) from error
    return model


def mark_quantized(model: ir.Model) -> None:
    """Remember in the metadata that a model arrived quantized: its weights are not ours to round.

    That is one with integer arithmetic or quantized values, or with weights cast from bytes.
    """
    for node in model.graph:
        if node.op_type in INTEGER_OPS or (node.op_type == "Cast" and is_stored(node.inputs[0])):
            model.metadata_props[ARRIVED_QUANTIZED] = node.name or node.op_type
            return


def is_stored(value: ir.Value | None) -> bool:
    """Say whether a value is a matrix of constant bytes: a weight that is cast where it is read."""
    tensor = None if value is None else value.const_value
    return tensor is not None and tensor.dtype in BYTES and len(tensor.shape.numpy()) > 1


def parse(text: str, **constants: Array) -> ir.Model:
    """Read a model from ONNX text; names that the text uses and does not define are `constants`.

    Raises:
        ModelError: MMC105 when the text does not parse, and as `load`.
    """
    try:
        proto = parser.parse_model(text)
    except parser.ParseError as error:
        raise ModelError("MMC105", "text", "does not parse as ONNX", why=str(error)) from error
    arrays = {name: np.asarray(array) for name, array in constants.items()}
    for name, array in arrays.items():
        proto.graph.initializer.append(_placeholder(name, array))
    contrib.spell(proto)
    checks.check_model(proto)
    model = _working_form(proto)
    for name, value in model.graph.initializers.items():
        if name in arrays and isinstance(value.const_value, ir.ExternalTensor):
            value.const_value = ir.tensor(arrays[name], name=name)
    contrib.expand(model)
    infer(model)
    return model


def _placeholder(name: str, array: Array) -> onnx.TensorProto:
    """Return a small array as a tensor, a large one as external data that is put back later."""
    if array.nbytes <= LIMIT:
        return ir.serde.serialize_tensor(ir.tensor(array, name=name))
    dtype = ir.DataType.from_numpy(array.dtype)
    proto = onnx.TensorProto(name=name, dims=array.shape, data_type=int(dtype))
    proto.data_location = onnx.TensorProto.EXTERNAL
    proto.external_data.add(key="location", value=MEMORY)
    return proto


def read_proto(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """Return the model as its file has it, weights in memory; checked, but not converted.

    Raises:
        ModelError: MMC101 to MMC112.
    """
    file = Path(path)
    proto = read_stripped(file)
    checks.check_model(proto)
    check_data(proto, file)
    return onnx.load(file)


def read_stripped(path: Path) -> onnx.ModelProto:
    """Return the file's ModelProto without its large tensors (MMC101, MMC102, MMC103)."""
    checks.check_file(path)
    try:
        with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            checks.check_format(path, data)
            proto: onnx.ModelProto = onnx.ModelProto.FromString(strip(data, path.name))
            return proto
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelError("MMC101", str(path), "cannot be read", why=reason) from error
    except (WireError, DecodeError) as error:
        raise checks.damaged(path, error) from error


def _working_form(proto: onnx.ModelProto) -> ir.Model:
    """Inline functions, lift constants, convert to the working opset, name everything."""
    proto = _inline(proto)
    _densify(proto.graph)
    proto.ir_version = max(proto.ir_version, 4)  # older: initializers must be listed as inputs
    model = ir.from_proto(proto)
    _prepare(model)
    for node in model.graph.all_nodes():
        node.metadata_props.setdefault(SOURCES, node.name or "")
    model = to_working_opset(model)
    _prepare(model)
    _forget_value_info(model)
    model.ir_version = IR_VERSION
    return model


UNRUNNABLE = ("Swish",)
"""Operators of opset 25 that ONNX Runtime lacks; ONNX defines them by simpler ones."""


def _inline(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Inline the model's own functions, except those of the `mmc` domain, and UNRUNNABLE."""
    names = [(f.domain, f.name) for f in proto.functions if f.domain == "mmc"]
    if len(names) < len(proto.functions):
        proto = inliner.inline_selected_functions(proto, names, exclude=True)
    lacking = {
        n.op_type for n in all_nodes(proto.graph) if n.op_type in UNRUNNABLE and not n.domain
    }
    if lacking:
        chosen = [("", name) for name in sorted(lacking)]
        proto = inliner.inline_selected_functions(proto, chosen, inline_schema_functions=True)
    return proto


def _densify(graph: onnx.GraphProto) -> None:
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
                _densify(inner)


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


def _prepare(model: ir.Model) -> None:
    """Make every constant an initializer of the main graph, and every name unique."""
    graph = model.graph
    graph.inputs[:] = [v for v in graph.inputs if v.name not in graph.initializers]
    reserved = {v.name or "" for v in (*graph.inputs, *graph.outputs)}
    _unique_values(model, reserved)
    for inner in model.graph.subgraphs():
        for name in list(inner.initializers) if inner is not graph else ():
            _produce(inner, inner.initializers[name])
            graph.register_initializer(inner.initializers.pop(name))
    for node in list(graph.all_nodes()):
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
    for node in model.graph.all_nodes():
        wanted = node.name or next((v.name for v in node.outputs if v.name), node.op_type)
        node.name = _free(wanted, taken) if wanted in taken else wanted
        taken.add(node.name)


def _free(name: str, taken: set[str]) -> str:
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _forget_value_info(model: ir.Model) -> None:
    """Drop recorded types of inner values: exporters' are often stale, the converter's wrong."""
    declared = set(model.graph.outputs)
    for node in model.graph.all_nodes():
        for value in node.outputs:
            if value not in declared:
                value.type = value.shape = None


def _map_weights(model: ir.Model, folder: Path) -> None:
    """Let external tensors map their file, found next to the model."""
    for value in model.graph.initializers.values():
        if isinstance(value.const_value, ir.ExternalTensor):
            value.const_value = mapped(value.const_value, folder)
    for node in model.graph.all_nodes():
        for name, attribute in node.attributes.items():
            if attribute.type == ir.AttributeType.TENSOR and isinstance(
                attribute.value, ir.ExternalTensor
            ):
                array = mapped(attribute.value, folder).numpy()
                node.attributes[name] = ir.AttrTensor(name, ir.tensor(array.copy()))
