"""Codes in place of a weight: the nodes that unpack them, and the biases that go with them."""

from __future__ import annotations

import json
from typing import Any

import ml_dtypes
import numpy as np
import onnx_ir as ir

from mmc.builder import derived, initializer
from mmc.integers.layers import Layer
from mmc.integers.recipe import Rule
from mmc.ir import Array, Graph, Value, attrs, constant, operand, shape_of, sources
from mmc.opset import DOMAIN, OPS
from mmc.quant.encoding import Encoded, encode, encode_in_tables
from mmc.quant.grids import grid_of
from mmc.quant.tables import sharing

TYPES = {8: np.int8, 4: ml_dtypes.int4, 2: ml_dtypes.int2}
QUANTIZED = "mmc.quantized"
"""Metadata of a DequantizeLinear of a weight: how it was made, as JSON."""
BIAS = 2
"""Which input of a layer that adds a constant to every channel is that constant."""


def quantize(graph: Graph, layers: list[Layer], rule: Rule, moments: Array | None) -> None:
    """Replace one weight, and let the biases keep the mean of the outputs."""
    layer = layers[0]
    weight = constant(layer.value)
    assert weight is not None
    rows = layer.rows(weight).astype(np.float32, copy=False)
    shifts = all(map(has_bias, layers))
    tables = rule.table and layer.axis == 0
    bits = rule.bits if tables else min(b for b in TYPES if b >= rule.bits)
    block = rule.block if bits < 8 and can_block(layer, rows, rule.block) else 0
    group = sharing(len(rows), rule.group)
    if tables:
        made = encode_in_tables(rows, 1 << bits, group, moments, shifts=shifts)
    else:
        made = encode(rows, grid_of(bits), block, moments, shifts=shifts)
    note = {
        "class": str(layer.kind),
        "bits": bits,
        "block": 0 if tables else block,
        "method": "gptq" if moments is not None else "nearest",
        "error": made.error,
    }
    if moments is not None and shifts:
        shift_biases(graph, layers, made.shift(rows, moments))
    if tables:
        look_up(graph, layer, made, note | {"group": group})
    elif block:
        insert(graph, layer, made.codes, made.scale, 1, block, bits, note)
    else:
        shaped = layer.back(made.codes, weight.shape)
        insert(graph, layer, shaped, made.scale, layer.axis, 0, bits, note)


def has_bias(layer: Layer) -> bool:
    """Say whether the layer adds a constant to every channel, or could."""
    if layer.op not in ("Conv", "Conv2d", "DepthwiseConv2d", "Linear", "Gemm"):
        return False
    given = operand(layer.node, BIAS)
    plain = layer.op != "Gemm" or attrs(layer.node).get("beta", 1.0) == 1
    bias, channels = constant(given), shape_of(layer.value)[layer.axis]
    return plain and (given is None or (bias is not None and bias.size in (1, channels)))


def shift_biases(graph: Graph, layers: list[Layer], shift: Array) -> None:
    """Add to the biases of layers that share a weight."""
    made: dict[Value | None, Value] = {}
    for layer in layers:
        node = layer.node
        old = operand(node, BIAS)
        if old not in made:
            before = constant(old)
            bias = shift if before is None else before.reshape(-1) + shift
            made[old] = initializer(graph, old or layer.value, bias.astype(np.float32))
        node.resize_inputs(BIAS + 1)
        node.replace_input_with(BIAS, made[old])


def look_up(graph: Graph, layer: Layer, found: Encoded, note: dict[str, Any]) -> None:
    """Replace one weight by LookupDequantize(codes, tables, 1)."""
    old = layer.value
    shape = shape_of(old)
    arrays = (layer.back(found.codes, shape), found.scale, np.ones((), np.float32))
    inputs = [initializer(graph, old, array) for array in arrays]
    made = _node(graph, layer, "LookupDequantize", inputs, {}, shape)
    made.metadata_props[QUANTIZED] = json.dumps(note)
    graph.insert_before(graph[0], made)
    old.replace_all_uses_with(made.outputs[0])


def can_block(layer: Layer, rows: Array, block: int) -> bool:
    """Say whether blocks divide the inputs: of matrices (O, K) with the channel in front."""
    return block > 0 and rows.shape[1] % block == 0 and layer.axis == 0 and layer.op != "Gather"


def insert(
    graph: Graph,
    layer: Layer,
    codes: Array,
    scale: Array,
    axis: int,
    block: int,
    bits: int,
    note: dict[str, Any],
    zero: Array | None = None,
) -> None:
    """Let DequantizeLinear(codes, scale[, zero]), in the old shape, stand for the weight.

    Codes with zero points are unsigned.
    """
    old = layer.value
    kind = TYPES[bits] if zero is None else np.uint8
    arrays = [codes.astype(kind), scale, *([] if zero is None else [zero.astype(kind)])]
    inputs = [initializer(graph, old, array) for array in arrays]
    given = {"axis": axis} | ({"block_size": block} if block else {})
    made = _node(graph, layer, "DequantizeLinear", inputs, given, codes.shape)
    made.metadata_props[QUANTIZED] = json.dumps(note)
    result = made.outputs[0]
    nodes = [made]
    shape = tuple(int(d) for d in old.shape or () if isinstance(d, int))
    if codes.shape != shape:
        target = initializer(graph, old, np.array(shape, np.int64))
        nodes.append(_node(graph, layer, "Reshape", [result, target], {}, shape))
        result = nodes[-1].outputs[0]
    graph.insert_before(graph[0], nodes)
    old.replace_all_uses_with(result)


def _node(
    graph: Graph,
    layer: Layer,
    op_type: str,
    inputs: list[Value],
    given: dict[str, Any],
    shape: tuple[int, ...],
) -> ir.Node:
    domain = DOMAIN if op_type in OPS else ""
    node = derived(graph, op_type, inputs, layer.value, sources(layer.node), domain, **given)
    node.outputs[0].shape = ir.Shape(shape)
    return node
