"""Bring a file or a text into the working form: opset 25, IR version 13, weights in their file."""

from __future__ import annotations

import logging
import os
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import inliner, parser

from mmc.diagnostics import MmcError, ModelError
from mmc.frontend import checks, contrib
from mmc.frontend.bfloat16 import widen_bfloat16
from mmc.frontend.constants import densify, prepare
from mmc.frontend.conversion import to_working_opset
from mmc.frontend.counters import settle_counters
from mmc.frontend.doubles import narrow_doubles
from mmc.frontend.protobuf import LIMIT, WireError, strip
from mmc.frontend.protos import all_nodes
from mmc.frontend.slim import slim
from mmc.frontend.weights import check_data, check_finite, mapped
from mmc.frontend.windows import write_out_pads
from mmc.inference import infer
from mmc.values import ARRIVED_QUANTIZED, SOURCES, WEIGHT_ONLY, Array, every_node, is_static

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
        widen_bfloat16(model)
        narrow_doubles(model)
        settle_counters(model)
        contrib.expand(model)
        if all(is_static(value) for value in model.graph.inputs):
            infer(model)
        for name, value in model.graph.initializers.items():
            check_finite(name, value)
        write_out_pads(model)
        slim(model)
    except MmcError:
        raise
    except Exception as error:  # the libraries raise all kinds on damaged models
        why = f"{type(error).__name__}: {str(error).strip()[:500]}"
        raise ModelError("MMC105", str(file), "is not a valid ONNX model", why=why) from error
    return model


def mark_quantized(model: ir.Model) -> None:
    """Remember in the metadata that a model arrived quantized: its weights are not ours to round.

    That is one with integer arithmetic or quantized values, or with weights cast from bytes. Where
    there are but integers that become floats before anything reads them, it is weight-only.
    """
    found = [n for n in model.graph if n.op_type in INTEGER_OPS or casts_bytes(n)]
    if found:
        model.metadata_props[ARRIVED_QUANTIZED] = found[0].name or found[0].op_type
        if all(casts_bytes(node) or unpacks(node) for node in found):
            model.metadata_props[WEIGHT_ONLY] = "true"


def casts_bytes(node: ir.Node) -> bool:
    """Say whether a node makes floats of a stored matrix."""
    return node.op_type == "Cast" and is_stored(node.inputs[0])


def unpacks(node: ir.Node) -> bool:
    """Say whether a node makes floats of constants, and computes on floats if at all.

    Training rounds float weights where they are read: those are constants too.
    """
    source = node.inputs[0] if node.op_type in ("QuantizeLinear", "DequantizeLinear") else None
    maker = None if source is None else source.producer()
    if maker is not None and maker.op_type == "QuantizeLinear":
        source = maker.inputs[0]
    constant = source is not None and ir.convenience.get_const_tensor(source) is not None
    return constant or node.op_type == "MatMulNBits"


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


def read_proto(path: str | os.PathLike[str], *, whole: bool = True) -> onnx.ModelProto:
    """Return the model as its file has it, weights in memory; checked, but not converted.

    Args:
        whole: as `check_model` has it.
    Raises:
        ModelError: MMC101 to MMC112.
    """
    file = Path(path)
    proto = read_stripped(file)
    checks.check_model(proto, whole=whole)
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
    densify(proto.graph)
    proto.ir_version = max(proto.ir_version, 4)  # older: initializers must be listed as inputs
    model = ir.from_proto(proto)
    prepare(model)
    for node in every_node(model.graph):
        node.metadata_props.setdefault(SOURCES, node.name or "")
    model = to_working_opset(model)
    prepare(model)
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


def _forget_value_info(model: ir.Model) -> None:
    """Drop recorded types of inner values: exporters' are often stale, the converter's wrong."""
    declared = set(model.graph.outputs)
    for node in every_node(model.graph):
        for value in node.outputs:
            if value not in declared:
                value.type = value.shape = None


def _map_weights(model: ir.Model, folder: Path) -> None:
    """Let external tensors map their file, found next to the model."""
    for value in model.graph.initializers.values():
        if isinstance(value.const_value, ir.ExternalTensor):
            value.const_value = mapped(value.const_value, folder)
    for node in every_node(model.graph):
        for name, attribute in node.attributes.items():
            if attribute.type == ir.AttributeType.TENSOR and isinstance(
                attribute.value, ir.ExternalTensor
            ):
                array = mapped(attribute.value, folder).numpy()
                node.attributes[name] = ir.AttrTensor(name, ir.tensor(array.copy()))
