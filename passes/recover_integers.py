"""Weights of models that arrived quantized, as the integers they were."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from mmc.integers.grids import grids_of, read_on
from mmc.integers.layers import Layer, layers_of, shared
from mmc.integers.weight_codes import TYPES, insert
from mmc.ir import Array, Graph, Model, constant, shape_of
from mmc.pass_manager import Contract, Pass
from mmc.passes.fold_constants import FoldConstants
from mmc.passes.quantize_weights import least_bits, stored
from mmc.quant.encoding import encode
from mmc.quant.grids import GRIDS
from mmc.quant.recovery import LEAST_COLUMNS, Recovered, recover
from mmc.spilling import forget
from mmc.values import ARRIVED_QUANTIZED, WEIGHT_ONLY

UNPACKED = 1 << 30
"""Bytes that a weight may take for as long as it is floats."""


@dataclass(frozen=True)
class RecoverIntegers(Pass):
    """Store weights that are multiples of a step a channel as DequantizeLinear(codes, step).

    A model that arrived quantized is taken apart into float arithmetic, so that every rewrite
    applies to it; what its weights became is found again here, whatever form they arrived in.
    """

    name = "recover-integers"
    contract = Contract.REASSOCIATES
    symmetric: bool = False
    """Only what integer kernels take: no zero points, and no codes below -127."""
    npu: bool = False
    """Fewer than 8 bits only where an NPU reads them."""
    release: bool = False
    """Let later passes quantize what is left float, activations too, of a weight-only model."""
    adopt: bool = False
    """Only of a model with activations on grids: layers that read one get the nearest integers that
    kernels take, where their own are none."""

    def run(self, model: Model) -> int:
        """Return the number of weights that became integers."""
        if ARRIVED_QUANTIZED not in model.metadata_props:
            return 0
        if self.release:
            if WEIGHT_ONLY not in model.metadata_props:
                return 0
            del model.metadata_props[ARRIVED_QUANTIZED]
            FoldConstants(max_growth_bytes=UNPACKED).run(model)
        if self.adopt and not grids_of(model.graph):
            return 0
        return sum(self.stores(model.graph, g[0]) for g in shared(layers_of(model.graph)))

    def stores(self, graph: Graph, layer: Layer) -> bool:
        """Replace one weight, if it lies on a grid and is smaller that way."""
        weight = constant(layer.value)
        assert weight is not None
        source, rows = layer.node.inputs[0], layer.rows(weight)
        adopted = self.adopt and source is not None and read_on(source) is not None
        small = prod(shape_of(layer.value)) * 2 <= stored(layer, 8)
        if small and not (self.release or adopted):
            return False
        found = recover(rows, lambda: forget(weight))
        if adopted:
            found = centred(rows, found)
        if found is None or (self.symmetric and not is_symmetric(found)):
            return False
        bits = max(bits_of(found), least_bits(layer) if self.npu else 0)
        codes = layer.back(found.codes, weight.shape)
        zero = found.zero if found.zero.any() else None
        note = {"class": str(layer.kind), "bits": bits, "block": 0, "method": "arrived"}
        insert(graph, layer, codes, found.scale, layer.axis, 0, bits, note | {"error": 0.0}, zero)
        return True


def is_symmetric(found: Recovered) -> bool:
    """Say whether codes are on the grid of 8 bits, without zero points."""
    return not found.zero.any() and int(found.codes.min()) >= GRIDS[8].low


def centred(rows: Array, found: Recovered | None) -> Recovered | None:
    """Return the nearest integers without zero points, for rows (O, K) that were integers once.

    Rows too short to tell are taken for such. Rows that have a place there stay as they are, but
    that -128 is -127.
    """
    if found is None and rows.shape[1] >= LEAST_COLUMNS:
        return None
    zeros = np.zeros(len(rows), np.int16)
    if found is None:
        made = encode(rows.astype(np.float32), GRIDS[8])
        return Recovered(made.codes.astype(np.int16), made.scale, zeros)
    codes, high = found.codes - found.zero[:, None], GRIDS[8].high
    peak = np.abs(codes).max(axis=1)
    wider = np.where(peak > high + 1, peak / high, 1.0)
    near = np.clip(np.rint(codes / wider[:, None]), GRIDS[8].low, high).astype(np.int16)
    return Recovered(near, (found.scale * wider).astype(np.float32), zeros)


def bits_of(found: Recovered) -> int:
    """Return the fewest bits whose integers hold all codes."""
    if found.zero.any():
        return 8
    low, high = int(found.codes.min()), int(found.codes.max())
    fitting = [b for b in TYPES if GRIDS[b].low <= low and high <= GRIDS[b].high]
    return min(fitting, default=8)
