"""Weights as integers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import Any

import ml_dtypes
import numpy as np
import onnx_ir as ir

from mmc.builder import initializer
from mmc.calibration import Data, Inputs, calibrate, inputs_of
from mmc.ir import Array, Graph, Model, Value, constant, shape_of, sources
from mmc.layers import Layer, LayerClass, layers_of, shared
from mmc.naming import fresh_name
from mmc.pass_manager import Contract, Pass
from mmc.quant.grids import Grid, grid_of
from mmc.quant.metrics import output_error
from mmc.quant.rounding import gptq, nearest, spread, to_grid
from mmc.quant.scales import max_scale, mse_scale, to_blocks
from mmc.values import ARRIVED_QUANTIZED

TYPES = {8: np.int8, 4: ml_dtypes.int4, 2: ml_dtypes.int2}
QUANTIZED = "mmc.quantized"
"""Metadata of a DequantizeLinear of a weight: how it was made, as JSON."""
OVERHEAD = 250
"""Bytes that one more tensor takes in an artifact."""
PER_CHANNEL = 12
"""Bytes of a scale and its zero point in a TFLite file."""
SENSITIVE = (LayerClass.FIRST, LayerClass.HEAD, LayerClass.DEPTHWISE, LayerClass.GATE)


@dataclass(frozen=True)
class QuantizeWeights(Pass):
    """Store weights as integers: DequantizeLinear(codes, a scale a channel or block).

    At 8 bits the exact range is used; below, the range of least error, and with calibration data
    GPTQ. First, last, depthwise and gate layers keep 8 bits, embeddings 4 (one scale a row). A
    model that arrived quantized stays as it is.
    """

    name = "quantize-weights"
    contract = Contract.LOSSY
    budget_db = -6.0
    """What 2 bits leave is the recipe's affair; an error of twice the signal would be a bug."""

    bits: int = 8
    block: int = 0
    """Inputs that share a scale; 0: all of an output channel."""
    sensitive_bits: int = 8
    """At least so many bits for the first, last, depthwise and gate layers."""
    embedding_bits: int = 4
    """At least so many bits for embeddings."""
    calibration: str = ""
    """DATA for GPTQ; without it weights are rounded to the nearest."""
    samples: int = 256
    ops: str = ""
    """The operators whose weights are quantized, such as Linear+Conv2d; all by default."""

    def run(self, model: Model) -> int:
        """Return the number of weights quantized."""
        if ARRIVED_QUANTIZED in model.metadata_props:
            return 0
        layers = [x for x in layers_of(model.graph) if not self.ops or x.op in self.ops.split("+")]
        groups = [group for group in shared(layers) if self.pays(group[0])]
        hessians = self.hessians(model, groups)
        for group in groups:
            reader = reader_of(group)
            self.quantize(model.graph, group[0], hessians.get(reader) if reader else None)
        return len(groups)

    def bits_of(self, layer: Layer) -> int:
        """Return the bits of a layer by its class."""
        if layer.kind is LayerClass.EMBEDDING:
            return max(self.bits, self.embedding_bits)
        return max(self.bits, self.sensitive_bits) if layer.kind in SENSITIVE else self.bits

    def pays(self, layer: Layer) -> bool:
        """Say whether the integers and their scales are smaller than the floats."""
        shape = shape_of(layer.value)
        codes = prod(shape) * self.bits_of(layer) // 8
        return codes + shape[layer.axis] * PER_CHANNEL + OVERHEAD < prod(shape) * 4

    def hessians(self, model: Model, groups: list[list[Layer]]) -> dict[Inputs, Array]:
        """Return the Hessians of the layers that need error feedback."""
        wanted = [r for g in groups if self.bits_of(g[0]) < 8 and (r := reader_of(g)) is not None]
        if not (self.calibration and wanted):
            return {}
        return calibrate(model, Data(self.calibration, self.samples), wanted).hessians

    def quantize(self, graph: Graph, layer: Layer, hessian: Array | None) -> None:
        """Replace one weight."""
        weight = constant(layer.value)
        assert weight is not None
        bits, rows = self.bits_of(layer), layer.rows(weight).astype(np.float32)
        block = self.block if bits < 8 and can_block(layer, rows, self.block) else 0
        codes, scale = encode(rows, grid_of(bits), block, hessian)
        made = codes * spread(scale, rows.shape[1])
        h = np.eye(rows.shape[1], dtype=np.float32) if hessian is None else hessian
        note = {
            "class": str(layer.kind),
            "bits": bits,
            "block": block,
            "method": "gptq" if hessian is not None else "nearest",
            "error": output_error(rows, made, h) if hessian is not None else plain(rows, made),
        }
        if block:
            insert(graph, layer, codes, scale, 1, block, bits, note)
        else:
            shaped = layer.back(codes, weight.shape)
            insert(graph, layer, shaped, scale, layer.axis, 0, bits, note)


def reader_of(group: list[Layer]) -> Inputs | None:
    """Return how the inputs of a weight are read; None if several layers share it."""
    return inputs_of(group[0].node) if len(group) == 1 else None


def can_block(layer: Layer, rows: Array, block: int) -> bool:
    """Say whether blocks divide the inputs: of matrices (O, K) with the channel in front."""
    return block > 0 and rows.shape[1] % block == 0 and layer.axis == 0 and layer.op != "Gather"


def encode(rows: Array, grid: Grid, block: int, hessian: Array | None) -> tuple[Array, Array]:
    """Return int8 codes (O, K) and scales (O,) or (O, K / block)."""
    if grid.bits == 8:
        scale = max_scale(rows, grid)
        return nearest(rows, scale, grid), scale
    importance = None if hessian is None else np.diag(hessian)
    if block:
        parts = to_blocks(rows, block)
        if importance is not None:
            importance = np.tile(importance.reshape(-1, block), (len(rows), 1))
        scale = mse_scale(parts, grid, importance).reshape(len(rows), -1)
    else:
        scale = mse_scale(rows, grid, importance)
    if hessian is None:
        return nearest(rows, scale, grid), scale
    return gptq(rows, hessian, to_grid(scale, grid, rows.shape[1])), scale


def plain(rows: Array, made: Array) -> float:
    """Return the relative squared error of the weight itself."""
    total = float((rows.astype(np.float64) ** 2).sum())
    return float(((rows - made).astype(np.float64) ** 2).sum()) / total if total else 0.0


def insert(
    graph: Graph,
    layer: Layer,
    codes: Array,
    scale: Array,
    axis: int,
    block: int,
    bits: int,
    note: dict[str, Any],
) -> None:
    """Let DequantizeLinear(codes, scale), in the old shape, stand for the weight everywhere."""
    old = layer.value
    q = initializer(graph, old, codes.astype(TYPES[bits]))
    s = initializer(graph, old, scale)
    given = {"axis": axis} | ({"block_size": block} if block else {})
    made = _node(graph, layer, "DequantizeLinear", [q, s], given, codes.shape)
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
    base = layer.value.name or ""
    node = ir.node(op_type, inputs, given)
    node.name = fresh_name(graph, base)
    node.metadata_props["mmc.sources"] = "\n".join(sources(layer.node))
    out = node.outputs[0]
    out.name, out.type, out.shape = fresh_name(graph, base), layer.value.type, ir.Shape(shape)
    return node
