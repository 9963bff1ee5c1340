"""A convolution of one position as a linear layer, where its weights have few bits."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np
import onnx_ir as ir

from mmc.builder import initializer
from mmc.integers.layers import is_pointwise
from mmc.ir import Graph, Model, Node, constant, shape_of
from mmc.opset import DOMAIN, require, split_activation
from mmc.pass_manager import Pass
from mmc.pattern import substitute

NARROW = (np.dtype(ml_dtypes.int4), np.dtype(ml_dtypes.int2))


@dataclass(frozen=True)
class PointwiseToLinear(Pass):
    """conv2d(x, w, b)  ->  linear(x, w, b), for w (O, 1, 1, I) of 4 or 2 bits.

    Hexagon's convolutions have no such weights with a scale a channel; FULLY_CONNECTED has.
    """

    name = "pointwise-to-linear"

    def run(self, model: Model) -> int:
        """Return the number of convolutions replaced."""
        found = [n for n in model.graph if is_pointwise(n) and has_few_bits(n)]
        for node in found:
            require(model, op_type := "Linear" + split_activation(node.op_type)[1])
            replace(model.graph, node, op_type)
        return len(found)


def has_few_bits(node: Node) -> bool:
    """Say whether the weight is made of 4- or 2-bit codes, for this node only."""
    weight = node.inputs[1]
    maker = weight.producer() if weight is not None else None
    if maker is None or weight is None or maker.op_type != "DequantizeLinear":
        return False
    array = constant(maker.inputs[0])
    return array is not None and array.dtype in NARROW and len(weight.uses()) == 1


def replace(graph: Graph, node: Node, op_type: str) -> None:
    """Put a linear layer in the place of a convolution; its weight loses the window's axes."""
    weight = node.inputs[1]
    assert weight is not None
    maker = weight.producer()
    assert maker is not None
    old, codes = maker.inputs[0], constant(maker.inputs[0])
    assert old is not None
    assert codes is not None
    outputs, *_, inputs = shape_of(weight)
    maker.replace_input_with(0, initializer(graph, old, codes.reshape(outputs, inputs)))
    weight.shape = ir.Shape((outputs, inputs))
    made = ir.node(op_type, list(node.inputs), domain=DOMAIN)
    made.name = node.name
    made.metadata_props.update(node.metadata_props)
    graph.insert_before(node, made)
    substitute(node.outputs[0], made.outputs[0])
    graph.remove(node, safe=True)
