"""bfloat16, in which neither ONNX Runtime's CPU kernels nor a target computes: it becomes float32.

The model's inputs and outputs become float32 too, as double ones do; every bfloat16 number is one
of float32. What the model rounds to bfloat16 on its way is not rounded any more.
"""

from __future__ import annotations

import onnx_ir as ir

from mmc.values import WIDENED, every_node
from mmc.widening import widen, widen_attributes

KIND = ir.DataType.BFLOAT16


def widen_bfloat16(model: ir.Model) -> int:
    """Make every value float32 that is bfloat16; returns how many there were."""
    found = widen_values(model, KIND)
    if found:
        model.metadata_props[WIDENED] = "true"
    return found


def widen_values(model: ir.Model, kind: ir.DataType) -> int:
    """Make every value of a type float32; returns how many there were.

    Weights that are only cast keep their type: the cast is in float32 already.
    """
    found = [v for graph in model.graphs() for v in declared(graph) if v.dtype == kind]
    for value in found:
        widen(value)
    for node in every_node(model.graph):
        widen_attributes(node, (kind,))
    return len(found)


def declared(graph: ir.Graph) -> list[ir.Value]:
    """Return the values of a graph that have a type before inference, but for stored weights."""
    weights = [v for v in graph.initializers.values() if not is_stored(v)]
    return [*dict.fromkeys([*graph.inputs, *graph.outputs, *weights])]


def is_stored(value: ir.Value) -> bool:
    """Say whether a constant is only cast where it is read."""
    users = [use.node for use in value.uses()]
    return bool(users) and all(node.op_type == "Cast" for node in users)
