"""Which operators of the final IR have integer kernels, and what those demand of scales."""

from __future__ import annotations

from mmc.integers.layers import base_of
from mmc.ir import Node, Value, constant
from mmc.quant.ranges import Affine

INTEGER = "mmc.integer"
"""Metadata of a node that is computed on codes: of how many bits."""

WEIGHTED: dict[str, dict[int, tuple[int, ...]]] = {
    "Conv2d": {8: (8, 4), 16: (8, 4)},
    "DepthwiseConv2d": {8: (8, 4), 16: (8,)},
    "Linear": {8: (8, 4, 2), 16: (8, 4, 2)},
    "Conv": {8: (8, 4), 16: (8, 4)},
    "Gemm": {8: (8, 4, 2), 16: (8, 4, 2)},
}
"""Layers, and the bits of weights that their kernels compute rightly by bits of activations. The
last two are of standard ONNX, which ONNX Runtime computes."""

FREE = frozenset(
    "Conv2d DepthwiseConv2d Linear Add Sub Mul ReduceMean Relu LeakyRelu HardSwish Gelu MatMul"
    " MatMulTN MatMulNT MatMulTT Conv Gemm GlobalAveragePool".split()
)
"""The kernels rescale: every operand may have a scale of its own."""

SAME = frozenset(
    "Reshape Squeeze Unsqueeze Flatten Transpose MaxPool2d AveragePool2d DepthToSpace SpaceToDepth"
    " Slice Split Resize2d MaxPool AveragePool".split()
)
"""The kernels copy codes: results have the scale of the first operand."""

MOVES = SAME - {"AveragePool", "AveragePool2d", "Resize2d"}
"""What they make is among what they read."""

JOINED = frozenset({"Concat"})
"""The kernels copy the codes of several operands, which must have one scale."""

BITS = dict.fromkeys(
    "AveragePool2d DepthToSpace HardSwish Resize2d Softmax SpaceToDepth".split(), (8,)
)
"""Bits of activations, where not both 8 and 16. Hexagon averages no 16-bit windows (measured), and
LiteRT's 16-bit softmax counts every entry as exp(-10) at least: a row of 1000 comes to a third too
little (measured)."""

SLOW = frozenset({"HardSwish"})
"""Operators that a processor computes faster on floats, conversions and all: LiteRT's 8-bit kernel
takes numbers one by one (`ppocr_cls` with 18 of them: 2.13 ms, 0.74 with floats; measured)."""

FIXED: dict[str, dict[int, Affine]] = {
    "Sigmoid": {8: Affine(8, 2.0**-8, -128), 16: Affine(16, 2.0**-15, 0)},
    "Softmax": {8: Affine(8, 2.0**-8, -128)},
    "Tanh": {8: Affine(8, 2.0**-7, 0), 16: Affine(16, 2.0**-15, 0)},
}
"""The kernels know their range, and take no other scale for the result."""


def layer_of(node: Node) -> str:
    """Return the name in WEIGHTED of a layer; "" of other operators.

    A product with constant codes, which standard ONNX has as MatMul, is a linear layer.
    """
    op = base_of(node)[1]
    if op == "MatMul" and is_unpacked(node.inputs[1]):
        return "Linear"
    return op if op in WEIGHTED else ""


def dequantizer(value: Value | None) -> Node | None:
    """Return the DequantizeLinear that makes a value, if one does."""
    maker = None if value is None else value.producer()
    return maker if maker is not None and maker.op_type == "DequantizeLinear" else None


def is_unpacked(value: Value | None) -> bool:
    """Say whether a value is made of constant codes."""
    maker = dequantizer(value)
    return maker is not None and constant(maker.inputs[0]) is not None
