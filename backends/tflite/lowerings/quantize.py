"""Quantized values: constants unpacked by DEQUANTIZE where they are read as floats."""

from __future__ import annotations

from mmc.backends.tflite.coded import is_weight
from mmc.backends.tflite.emitter import Emitter, Unsupported, lowers
from mmc.ir import Node, constant


@lowers("DequantizeLinear")
def dequantize_linear(e: Emitter, n: Node) -> None:
    """x = (q - zero) scale: nothing here, the emitter unpacks it for the first float reader."""
    if constant(n.inputs[1]) is None or not is_weight(n):
        raise Unsupported("its scale or its codes are computed")
