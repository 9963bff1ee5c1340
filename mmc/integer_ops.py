"""Which operators of the final IR have integer kernels, and what those demand of scales."""

from __future__ import annotations

from mmc.quant.ranges import Affine

INTEGER = "mmc.integer"
"""Metadata of a node that is computed on codes: of how many bits."""

WEIGHTED: dict[str, dict[int, tuple[int, ...]]] = {
    "Conv2d": {8: (8, 4), 16: (8, 4)},
    "DepthwiseConv2d": {8: (8, 4), 16: (8,)},
    "Linear": {8: (8, 4, 2), 16: (8, 4, 2)},
}
"""Layers, and the bits of weights that their kernels compute rightly by bits of activations."""

FREE = frozenset(
    "Conv2d DepthwiseConv2d Linear Add Sub Mul ReduceMean Relu LeakyRelu HardSwish Gelu MatMul"
    " MatMulTN MatMulNT MatMulTT".split()
)
"""The kernels rescale: every operand may have a scale of its own."""

SAME = frozenset(
    "Reshape Squeeze Unsqueeze Flatten Transpose MaxPool2d AveragePool2d DepthToSpace SpaceToDepth"
    " Slice".split()
)
"""The kernels copy codes: results have the scale of the first operand."""

JOINED = frozenset({"Concat"})
"""The kernels copy the codes of several operands, which must have one scale."""

BITS = dict.fromkeys("AveragePool2d DepthToSpace HardSwish Softmax SpaceToDepth".split(), (8,))
"""Bits of activations, where not both 8 and 16. Hexagon averages no 16-bit windows (measured), and
LiteRT's 16-bit softmax counts every entry as exp(-10) at least: a row of 1000 comes to a third too
little (measured)."""

FIXED: dict[str, dict[int, Affine]] = {
    "Sigmoid": {8: Affine(8, 2.0**-8, -128), 16: Affine(16, 2.0**-15, 0)},
    "Softmax": {8: Affine(8, 2.0**-8, -128)},
    "Tanh": {8: Affine(8, 2.0**-7, 0), 16: Affine(16, 2.0**-15, 0)},
}
"""The kernels know their range, and take no other scale for the result."""
