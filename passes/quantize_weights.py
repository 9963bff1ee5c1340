"""Weights as integers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import ml_dtypes
import numpy as np
import onnx_ir as ir

from mmc.builder import derived, initializer
from mmc.integers.calibration import HESSIAN_SAMPLES, Data, Inputs, calibrate, inputs_of
from mmc.integers.layers import Layer, LayerClass, is_pointwise, layers_of, shared, unify
from mmc.integers.recipe import Recipe, Rule, read_recipe, uniform
from mmc.ir import Array, Graph, Model, Value, attrs, constant, shape_of, sources
from mmc.opset import DOMAIN, OPS, require
from mmc.options import CompileOptions
from mmc.pass_manager import Contract, Pass
from mmc.quant.encoding import Encoded, encode, encode_in_tables
from mmc.quant.grids import grid_of
from mmc.quant.tables import sharing
from mmc.values import ARRIVED_QUANTIZED

TYPES = {8: np.int8, 4: ml_dtypes.int4, 2: ml_dtypes.int2}
QUANTIZED = "mmc.quantized"
"""Metadata of a DequantizeLinear of a weight: how it was made, as JSON."""
OVERHEAD = 250
"""Bytes that one more tensor takes in an artifact."""
PER_CHANNEL = 12
"""Bytes of a scale and its zero point in a TFLite file."""


@dataclass(frozen=True)
class QuantizeWeights(Pass):
    """Store weights as integers: DequantizeLinear(codes, a scale a channel or block).

    At 8 bits the exact range is used, below the range of least error; with calibration data codes
    are chosen by GPTQ, scales fitted to them, and biases keep the mean of the outputs. First, last,
    depthwise and gate layers keep 8 bits, embeddings 4 (one scale a row). A model that arrived
    quantized stays as it is.
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
    samples: int = HESSIAN_SAMPLES
    ops: str = ""
    """The operators whose weights are quantized, such as Linear+Conv2d; all by default."""

    recipe: str = ""
    """A TOML file or a preset, in place of the widths above."""
    npu: bool = False
    """Fewer than 8 bits only where an NPU reads them: `least_bits`."""
    small: bool = False
    """Weights too that take more bytes as integers: on an NPU a layer of floats costs more."""
    statistics: str = ""
    """Moments of inputs by weight (.npz) from an earlier run over the data."""

    @classmethod
    def chosen_by(cls, options: CompileOptions) -> QuantizeWeights:
        """Return the pass as the options ask for."""
        return cls(
            bits=options.weight_bits or 8,
            calibration=options.calibration,
            samples=min(HESSIAN_SAMPLES, options.calibration_samples),
            recipe=options.recipe,
            statistics=options.statistics,
        )

    def run(self, model: Model) -> int:
        """Return the number of weights quantized."""
        if ARRIVED_QUANTIZED in model.metadata_props:
            return 0
        found, ops = unify(layers_of(model.graph)), self.ops.split("+")
        layers = [layer for layer in found if not self.ops or layer.op in ops]
        recipe = self.chosen()
        if recipe.has_tables:
            require(model, "LookupDequantize")
        rules = recipe.choose(model.graph, layers)
        if self.npu:
            rules = {x.node: widened(rules[x.node], least_bits(x)) for x in layers}
        groups = [(g, widest(rules[x.node] for x in g), reader_of(g)) for g in shared(layers)]
        groups = [some for some in groups if self.takes(some[0][0], some[1].bits)]
        wanted = {reader: str(g[0].value.name) for g, _, reader in groups if reader}
        moments = self.moments(model, wanted)
        for group, rule, reader in groups:
            quantize(model.graph, group, rule, moments.get(reader) if reader else None)
        return len(groups)

    def takes(self, layer: Layer, bits: int) -> bool:
        """Say whether a weight becomes integers of so many bits."""
        coded = self.small and layer.kind is not LayerClass.EMBEDDING
        return bits > 0 if coded else pays(layer, bits)

    def chosen(self) -> Recipe:
        """Return the recipe, or the one that the widths stand for."""
        if self.recipe:
            return read_recipe(self.recipe)
        return uniform(self.bits, self.sensitive_bits, self.embedding_bits, self.block)

    def moments(self, model: Model, wanted: dict[Inputs, str]) -> dict[Inputs, Array]:
        """Return the moments of the inputs that GPTQ needs: how read -> weight."""
        if self.statistics:
            with np.load(self.statistics, allow_pickle=False) as kept:
                return {h: kept[n] for h, n in wanted.items() if n in kept.files}
        if not (self.calibration and wanted):
            return {}
        return calibrate(model, Data(self.calibration, self.samples), list(wanted)).moments


def is_dense(layer: Layer) -> bool:
    """Say whether a layer is a product of two matrices."""
    return layer.op in ("Linear", "MatMul", "Gemm") or is_pointwise(layer.node)


def least_bits(layer: Layer) -> int:
    """Return the fewest bits of weights that an NPU reads: of matrices 2, of rows of tables 4."""
    if layer.kind is LayerClass.EMBEDDING:
        return 8 if shape_of(layer.value)[1] % 2 else 4
    return 2 if is_dense(layer) else 8


def widened(rule: Rule, bits: int) -> Rule:
    """Return the rule with so many bits where it has fewer."""
    return replace(rule, bits=bits, block=0) if 0 < rule.bits < bits else rule


def widest(rules: Iterable[Rule]) -> Rule:
    """Return the rule of a weight that several layers share: the one with most bits."""
    return max(rules, key=lambda rule: rule.bits or 32)


def pays(layer: Layer, bits: int) -> bool:
    """Say whether the integers and their scales are smaller than the floats."""
    return bits > 0 and stored(layer, bits) < prod(shape_of(layer.value)) * 4


def stored(layer: Layer, bits: int) -> int:
    """Return the bytes of a weight as integers in an artifact, at most; as floats at 0 bits."""
    shape = shape_of(layer.value)
    if not bits:
        return prod(shape) * 4
    return -(-prod(shape) * bits // 8) + shape[layer.axis] * PER_CHANNEL + OVERHEAD


def quantize(graph: Graph, layers: list[Layer], rule: Rule, moments: Array | None) -> None:
    """Replace one weight, and let the biases keep the mean of the outputs."""
    layer = layers[0]
    weight = constant(layer.value)
    assert weight is not None
    rows, shifts = layer.rows(weight).astype(np.float32), all(map(has_bias, layers))
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
    given = layer.node.inputs[2] if len(layer.node.inputs) > 2 else None
    plain = layer.op != "Gemm" or attrs(layer.node).get("beta", 1.0) == 1
    bias, channels = constant(given), shape_of(layer.value)[layer.axis]
    return plain and (given is None or (bias is not None and bias.size in (1, channels)))


def shift_biases(graph: Graph, layers: list[Layer], shift: Array) -> None:
    """Add to the biases of layers that share a weight."""
    made: dict[Value | None, Value] = {}
    for layer in layers:
        node = layer.node
        old = node.inputs[2] if len(node.inputs) > 2 else None
        if old not in made:
            before = constant(old)
            bias = shift if before is None else before.reshape(-1) + shift
            made[old] = initializer(graph, old or layer.value, bias.astype(np.float32))
        node.resize_inputs(3)
        node.replace_input_with(2, made[old])


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


def reader_of(group: list[Layer]) -> Inputs | None:
    """Return how the inputs of a weight are read; None where its layers differ in that."""
    found = [inputs_of(layer.node) for layer in group]
    readers = [reader for reader in found if reader is not None]
    if len(readers) < len(found) or len({replace(r, value="") for r in readers}) > 1:
        return None
    return replace(readers[0], also=tuple(dict.fromkeys(reader.value for reader in readers))[1:])


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
