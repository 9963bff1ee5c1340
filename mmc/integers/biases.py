"""Biases that fit the sums of integer kernels."""

from __future__ import annotations

import numpy as np

from mmc.builder import initializer
from mmc.ir import Graph, Node, Value, attrs, constant, operand
from mmc.quant.ranges import Affine

LARGEST_BIAS = 2.0**30
"""Sums of int8 kernels are 32 bits wide; those of int16 are wider, but a factor of less than 2^-31
from a sum to its result is taken for 0."""


LEAST_FACTOR = 2.0**-20
"""From a sum of 16-bit codes to its result. Hexagon multiplies by no less: a sum times 2^-25 is the
largest code there, times 2^-21 it is right (emulated). Weights of less would not be seen."""


def fit_bias(graph: Graph, node: Node, chosen: dict[Value, Affine]) -> None:
    """Widen a layer's weight scales where kernels could not hold its bias, or the factor.

    That is so in channels whose weights are next to nothing: there the bias is the result, and
    fewer codes for the weights lose nothing.
    """
    source, weight = node.inputs[:2]
    bias = constant(operand(node, 2))
    if source is None or weight is None:
        return
    maker = weight.producer()
    assert maker is not None
    codes, scale = constant(maker.inputs[0]), constant(maker.inputs[1])
    assert codes is not None
    assert scale is not None
    needed = np.zeros(scale.size if bias is None else bias.size)
    if bias is not None:
        needed += np.abs(bias.reshape(-1)) / (chosen[source].scale * LARGEST_BIAS)
    needed = np.maximum(needed, least_scale(chosen[source], chosen.get(node.outputs[0])))
    if scale.size != needed.size or not (needed > scale).any():
        return
    wide = np.maximum(scale, needed).astype(np.float32)
    shape = [-1 if a == attrs(maker)["axis"] % codes.ndim else 1 for a in range(codes.ndim)]
    kept = np.rint(codes.astype(np.float32) * (scale / wide).reshape(shape)).astype(codes.dtype)
    for place, array in enumerate((kept, wide)):
        before = maker.inputs[place]
        assert before is not None
        maker.replace_input_with(place, initializer(graph, before, array))


def least_scale(source: Affine, result: Affine | None) -> float:
    """Return the least scale of a weight between these activations; 0 where any is right."""
    if source.bits != 16 or result is None:
        return 0.0
    return LEAST_FACTOR * result.scale / source.scale
