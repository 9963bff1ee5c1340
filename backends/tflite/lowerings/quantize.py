"""Quantized values: constants unpacked by DEQUANTIZE where they are read as floats."""

from __future__ import annotations

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.coded import is_weight, quantizer_of, unpacker_of
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.integers.integer_ops import INTEGER
from mmc.ir import Node, constant


@lowers("DequantizeLinear")
def dequantize_linear(e: Emitter, n: Node) -> None:
    """x = (q - zero) scale: nothing here, the emitter unpacks it for the first float reader."""
    made = quantizer_of(n.inputs[0]) is not None or unpacker_of(n.inputs[0]) is not None
    if constant(n.inputs[1]) is None or not (made or is_weight(n)):
        raise Unsupported("its scale or its codes are computed")


@lowers("QuantizeLinear")
def quantize_linear(e: Emitter, n: Node) -> None:
    """q = clip(round(x / scale) + zero) -> QUANTIZE, or nothing: integer kernels write codes."""
    x = n.inputs[0]
    maker = None if x is None else x.producer()
    if constant(n.inputs[1]) is None:
        raise Unsupported("its scale is computed")
    if maker is not None and INTEGER in maker.metadata_props:
        return
    recoded = maker is not None and maker.op_type == "DequantizeLinear" and not is_weight(maker)
    source = e.tensor(maker.inputs[0] if maker is not None and recoded else x)
    e.op("QUANTIZE", [source], [e.tensor(n.outputs[0])])
