"""Weights in half precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmc.builder import initializer
from mmc.ir import SOURCES, Array, Graph, Model, Value, constant, sources
from mmc.naming import fresh_name
from mmc.pass_manager import Contract, Pass


@dataclass(frozen=True)
class HalveWeights(Pass):
    """Store float32 weights as float16; a Cast brings them back where they are used.

    Weights beyond float16's range (65504) stay as they are.
    """

    name = "halve-weights"
    contract = Contract.LOSSY
    min_bytes: int = 1024
    """Smaller constants stay float32: nothing is gained."""

    def run(self, model: Model) -> int:
        """Return the number of weights halved."""
        halved = 0
        for value in list(model.graph.initializers.values()):
            array = constant(value)
            if array is None or array.dtype != np.float32 or array.nbytes < self.min_bytes:
                continue
            if not value.uses() or np.abs(array).max() > np.finfo(np.float16).max:
                continue
            _halve(model.graph, value, array.astype(np.float16))
            halved += 1
        return halved


def _halve(graph: Graph, value: Value, array: Array) -> None:
    """Replace `value` by Cast(array)."""
    half = initializer(graph, value, array)
    reader = next(iter(value.uses())).node
    cast = ir.node("Cast", [half], {"to": int(ir.DataType.FLOAT)})
    cast.name = fresh_name(graph, value.name or "")
    cast.metadata_props[SOURCES] = "\n".join(sources(reader))
    whole = cast.outputs[0]
    whole.name = fresh_name(graph, value.name or "")
    whole.type, whole.shape = value.type, half.shape
    graph.insert_before(graph[0], cast)
    value.replace_all_uses_with(whole)
