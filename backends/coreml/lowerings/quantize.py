"""Weights as integers, unpacked for the first reader in its float type; activations on a grid.

One scale knows no axes: between reshapes and transposes of more than five, codes stay as they are.
"""

from __future__ import annotations

import numpy as np

from mmc.backends.coreml.coded import looked_up, unpacked, unpacker
from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.program import Var
from mmc.backends.lowering import Unsupported
from mmc.ir import Node, constant, operand, shape_of
from mmc.opset import DOMAIN


@lowers("DequantizeLinear")
def dequantize_linear(e: Emitter, n: Node) -> None:
    """x = (q - zero) scale -> constexpr_blockwise_shift_scale or so; dequantize, if computed."""
    if unpacker(n.outputs[0]) is not None:
        shape = shape_of(n.outputs[0])
        e.defer(n.outputs[0], lambda: unpacked(e, n, shape))
        return
    e.set(n.outputs[0], to_floats(e, e.flat(n.inputs[0]), **scale_and_zero(e, n)))


@lowers("QuantizeLinear")
def quantize_linear(e: Emitter, n: Node) -> None:
    """q = clip(round(x / scale) + zero), one scale, 8 bits -> quantize."""
    e.set(n.outputs[0], to_codes(e, e.flat(n.inputs[0]), **scale_and_zero(e, n)))


def scale_and_zero(e: Emitter, n: Node) -> dict[str, Var]:
    """Return the parameters of activations on codes, which `quantize` has from iOS 17 on."""
    scale, zero = constant(n.inputs[1]), constant(operand(n, 2))
    if scale is None or zero is None or scale.size != 1 or zero.dtype != np.int8:
        raise Unsupported("its codes are computed, and not 8 bits of one known scale")
    return {"scale": e.var(n.inputs[1]), "zero_point": e.typed(np.asarray(zero), "int8")}


@lowers("LookupDequantize", domain=DOMAIN)
def lookup_dequantize(e: Emitter, n: Node) -> None:
    """x = table[codes] scale, all constant -> constexpr_lut_to_dense, then its scale if any."""
    if any(constant(v) is None for v in n.inputs):
        raise Unsupported("its codes or its table are computed")
    e.defer(n.outputs[0], lambda: looked_up(e, n))


@lowers("OnGrid", domain=DOMAIN)
def on_grid(e: Emitter, n: Node) -> None:
    """y = (clip(round(x / step) + zero) - zero) scale, in 8 bits -> quantize, dequantize."""
    x, step, scale = (e.var(n.inputs[i]) for i in (0, 1, 3))
    zero = e.typed(np.asarray(constant(n.inputs[2]), np.int8), "int8")
    codes = to_codes(e, x, scale=step, zero_point=zero)
    e.set(n.outputs[0], to_floats(e, codes, scale=scale, zero_point=zero))


def to_codes(e: Emitter, x: Var, **given: Var) -> Var:
    """Return floats as codes of 8 bits: clip(round(x / scale) + zero_point)."""
    return e.op("quantize", x.shape, "int8", input=x, output_dtype="int8", **given)


def to_floats(e: Emitter, codes: Var, **given: Var) -> Var:
    """Return codes as floats: (codes - zero_point) scale."""
    return e.op("dequantize", codes.shape, e.float, input=codes, **given)
