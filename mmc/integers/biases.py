"""Biases that fit the sums of integer kernels."""

from __future__ import annotations

import numpy as np

from mmc.builder import initializer
from mmc.ir import Graph, Node, Value, attrs, constant, operand
from mmc.quant.ranges import Affine

LARGEST_BIAS = 2.0**30
"""Sums of int8 kernels are 32 bits wide; those of int16 are wider, but a factor of less than 2^-31
from a sum to its result is taken for 0."""


def fit_bias(graph: Graph, node: Node, chosen: dict[Value, Affine]) -> None:
    """Widen the weight's scale where the bias, in units of the products of codes, is too large.

    That is so in channels whose weights are next to nothing: there the bias is the result, and
    fewer codes for the weights lose nothing.
    """
    source, weight = node.inputs[:2]
    bias = constant(operand(node, 2))
    if bias is None or source is None or weight is None:
        return
    maker = weight.producer()
    assert maker is not None
    codes, scale = constant(maker.inputs[0]), constant(maker.inputs[1])
    assert codes is not None
    assert scale is not None
    needed = np.abs(bias.reshape(-1)) / (chosen[source].scale * LARGEST_BIAS)
    if scale.size != needed.size or not (needed > scale).any():
        return
    wide = np.maximum(scale, needed).astype(np.float32)
    shape = [-1 if a == attrs(maker)["axis"] % codes.ndim else 1 for a in range(codes.ndim)]
    kept = np.rint(codes.astype(np.float32) * (scale / wide).reshape(shape)).astype(codes.dtype)
    for place, array in enumerate((kept, wide)):
        before = maker.inputs[place]
        assert before is not None
        maker.replace_input_with(place, initializer(graph, before, array))
