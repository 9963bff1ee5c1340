"""Boolean and bitwise logic."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute
from mmc.ir import Node, attrs, constant, dtype_of

BOOLEAN = {
    "And": ("LOGICAL_AND", schema.LogicalAndOptionsT),
    "Or": ("LOGICAL_OR", schema.LogicalOrOptionsT),
    "Xor": ("NOT_EQUAL", schema.NotEqualOptionsT),
    "Not": ("LOGICAL_NOT", schema.LogicalNotOptionsT),
}


@lowers(*BOOLEAN)
def boolean(e: Emitter, n: Node) -> None:
    """y = a and b, a or b, a != b, not a."""
    code, options = BOOLEAN[n.op_type]
    compute(e, code, [e.tensor(v) for v in n.inputs], e.tensor(n.outputs[0]), options())


@lowers("BitwiseXor")
def bitwise_xor(e: Emitter, n: Node) -> None:
    """y = a ^ b -> BITWISE_XOR."""
    inputs = [e.tensor(v) for v in n.inputs]
    compute(e, "BITWISE_XOR", inputs, e.tensor(n.outputs[0]), schema.BitwiseXorOptionsT())


@lowers("BitwiseNot")
def bitwise_not(e: Emitter, n: Node) -> None:
    """y = ~x = x ^ (all bits)."""
    ones = e.constant(~np.zeros((), e.program.tensors[e.tensor(n.inputs[0])].dtype.lower()))
    y, options = e.tensor(n.outputs[0]), schema.BitwiseXorOptionsT()
    compute(e, "BITWISE_XOR", [e.tensor(n.inputs[0]), ones], y, options)


@lowers("BitShift")
def bit_shift(e: Emitter, n: Node) -> None:
    """y = x >> s, or x << s = x 2^s modulo the type; too wide shifts are refused."""
    x, y, bits = e.tensor(n.inputs[0]), e.tensor(n.outputs[0]), dtype_of(n.inputs[0]).itemsize * 8
    shift = constant(n.inputs[1])
    if shift is None or bits > 32:
        raise Unsupported("BitShift by a computed number of places, or of 64 bits")
    places = np.minimum(shift, bits - 1)
    if (places != shift).any():
        raise Unsupported(f"BitShift by {shift.max()} places of a type that has {bits}")
    if attrs(n)["direction"] == "RIGHT":
        s = e.constant(shift)
        compute(e, "RIGHT_SHIFT", [x, s], y, schema.RightShiftOptionsT())
    else:
        factor = e.constant((1 << places.astype(np.uint64)).astype(shift.dtype))
        compute(e, "MUL", [x, factor], y, schema.MulOptionsT())
