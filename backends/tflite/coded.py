"""Quantized values of the IR, as TFLite has them: integer tensors with scales and zero points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.program import Array, Quantization, Tensor
from mmc.ir import Node, Value, attrs, constant, dtype_of, operand

TYPES = {"int8": "INT8", "int4": "INT4", "int2": "INT2", "int16": "INT16", "uint8": "UINT8"}


@dataclass(frozen=True)
class Codes:
    """The integers of a constant and what they stand for; a block is a row of its own."""

    codes: Array
    dtype: str
    quantization: Quantization

    def floats(self) -> Array:
        """Return the values that the codes stand for."""
        shape = [1] * self.codes.ndim
        if self.codes.ndim:
            shape[self.quantization.axis] = -1
        scale, zero = (
            a.reshape(shape) for a in (self.quantization.scale, self.quantization.zero_point)
        )
        return ((self.codes.astype(np.float32) - zero) * scale).astype(np.float32)

    def tensor(self, name: str) -> Tensor:
        """Return the constant tensor."""
        shape = tuple(self.codes.shape)
        return Tensor(name, shape, self.dtype, self.codes, self.quantization)


def quantizer_of(value: Value | None) -> Node | None:
    """Return the QuantizeLinear that makes a value, if one does."""
    node = None if value is None else value.producer()
    return node if node is not None and node.op_type == "QuantizeLinear" else None


def unpacker_of(value: Value | None) -> Node | None:
    """Return a DequantizeLinear that reads codes from outside the model, if one does."""
    if value is None or not value.is_graph_input():
        return None
    return next((u.node for u in value.uses() if u.node.op_type == "DequantizeLinear"), None)


def is_weight(node: Node) -> bool:
    """Say whether a DequantizeLinear reads a constant."""
    return constant(node.inputs[0]) is not None


def codes_of(node: Node) -> Codes:
    """Return the constant that a DequantizeLinear reads; blocks of (O, K) as (O K / size, size)."""
    codes, scale = constant(node.inputs[0]), constant(node.inputs[1])
    assert codes is not None
    assert scale is not None
    given, kind = attrs(node), str(codes.dtype)
    block, axis = given.get("block_size", 0), given["axis"] % max(codes.ndim, 1)
    plain = codes if kind in ("int16", "uint8") else codes.astype(np.int8)
    if block:
        plain, axis = plain.reshape(-1, block), 0
    flat = scale.reshape(-1).astype(np.float32)
    quantization = Quantization(flat, zero_point(node, flat.size), axis if flat.size > 1 else 0)
    return Codes(plain, TYPES[kind], quantization)


def zero_point(node: Node, count: int) -> Array:
    """Return the zero points of a Quantize- or DequantizeLinear, one a scale."""
    zero = constant(operand(node, 2))
    if zero is None:
        return np.zeros(count, np.int64)
    return zero.reshape(-1).astype(np.int64)


def quantization_of(node: Node) -> tuple[str, Quantization]:
    """Return TensorType and parameters of the codes that a node makes of floats, or reads.

    Raises:
        Unsupported: when TFLite has no such codes.
    """
    scale = constant(node.inputs[1])
    assert scale is not None
    flat = scale.reshape(-1).astype(np.float32)
    makes = node.op_type == "QuantizeLinear"
    kind = str(dtype_of(node.outputs[0] if makes else node.inputs[0]))
    if kind not in TYPES:
        raise Unsupported(f"TFLite has no quantized tensors of {kind}", fix="quantize to int8")
    return TYPES[kind], Quantization(flat, zero_point(node, flat.size))
