"""Weights as integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from mmc.integers.calibration import HESSIAN_SAMPLES, Data, Inputs, calibrate, inputs_of
from mmc.integers.float_weights import Weight, costly
from mmc.integers.layers import Layer, LayerClass, is_pointwise, layers_of, shared, unify
from mmc.integers.recipe import Recipe, Rule, read_recipe, uniform
from mmc.integers.weight_codes import quantize
from mmc.ir import Array, Model, shape_of
from mmc.joined_outputs import save_by_parts
from mmc.opset import require
from mmc.options import CompileOptions
from mmc.pass_manager import Contract, Pass
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.staging import working_folder
from mmc.values import ARRIVED_QUANTIZED

LEAST_DB = 30.0
"""Where 8-bit weights alone leave less signal to noise, the costliest stay float."""
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
    least_db: float = 0.0
    """Signal to noise at the outputs below which the weights stay float that make most of the
    error (`mmc.integers.float_weights`); 0: none does."""

    @classmethod
    def chosen_by(cls, options: CompileOptions) -> QuantizeWeights:
        """Return the pass as the options ask for."""
        return cls(
            bits=options.weight_bits or 8,
            calibration=options.calibration,
            samples=min(HESSIAN_SAMPLES, options.calibration_samples),
            recipe=options.recipe,
            statistics=options.statistics,
            least_db=LEAST_DB
            if options.weight_bits == 8 and options.calibration and not options.recipe
            else 0.0,
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

        def store() -> None:
            for group, rule, reader in groups:
                quantize(model.graph, group, rule, moments.get(reader) if reader else None)

        if not (self.least_db and self.calibration and groups):
            store()
            return len(groups)
        return len(groups) - self.stored_but_costly(model, [g for g, *_ in groups], store)

    def stored_but_costly(
        self, model: Model, groups: Sequence[list[Layer]], store: Callable[[], None]
    ) -> int:
        """Store the weights, and let the costly ones be floats again; return how many of them."""
        weights = [Weight.of(g, stored(g[0], 8), stored(g[0], 0)) for g in groups]
        with working_folder() as folder:
            save_by_parts(model, folder / "floats.onnx")
            store()
            data = Data(self.calibration, self.samples)
            found = costly(folder / "floats.onnx", model, weights, data, self.least_db)
        for weight in found:
            weight.release()
        if found:
            EliminateDeadCode().run(model)
        return len(found)

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


def reader_of(group: list[Layer]) -> Inputs | None:
    """Return how the inputs of a weight are read; None where its layers differ in that."""
    found = [inputs_of(layer.node) for layer in group]
    readers = [reader for reader in found if reader is not None]
    if len(readers) < len(found) or len({replace(r, value="") for r in readers}) > 1:
        return None
    return replace(readers[0], also=tuple(dict.fromkeys(reader.value for reader in readers))[1:])
