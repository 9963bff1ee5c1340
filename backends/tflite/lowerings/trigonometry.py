"""Inverse trigonometry by ATAN2, which LiteRT computes to the last digit."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute, copy
from mmc.ir import Node, dtype_of


@lowers("Atan")
def atan(e: Emitter, n: Node) -> None:
    """y = atan(x) = atan2(x, 1); ATAN2 does not broadcast."""
    x = e.tensor(n.inputs[0])
    one = e.constant(np.ones((1,) * len(e.shape(x)), dtype_of(n.inputs[0])))
    operands, ones = [one, e.constant(np.array(e.shape(x), np.int32))], copy(e, x)
    e.op("BROADCAST_TO", operands, [ones], schema.BroadcastToOptionsT(), version=2)
    compute(e, "ATAN2", [x, ones], e.tensor(n.outputs[0]))


@lowers("Asin")
def asin(e: Emitter, n: Node) -> None:
    """y = asin(x) = atan2(x, sqrt((1 - x) (1 + x)))."""
    compute(e, "ATAN2", [e.tensor(n.inputs[0]), other_side(e, n)], e.tensor(n.outputs[0]))


@lowers("Acos")
def acos(e: Emitter, n: Node) -> None:
    """y = acos(x) = atan2(sqrt((1 - x) (1 + x)), x)."""
    compute(e, "ATAN2", [other_side(e, n), e.tensor(n.inputs[0])], e.tensor(n.outputs[0]))


def other_side(e: Emitter, n: Node) -> int:
    """Emit sqrt((1 - x) (1 + x)), which loses no digits near 1 as 1 - x² would."""
    x, one = e.tensor(n.inputs[0]), e.constant(np.array(1, dtype_of(n.inputs[0])))
    less = compute(e, "SUB", [one, x], copy(e, x), schema.SubOptionsT())
    more = compute(e, "ADD", [x, one], copy(e, x), schema.AddOptionsT())
    square = compute(e, "MUL", [less, more], copy(e, x), schema.MulOptionsT())
    return compute(e, "SQRT", [square], copy(e, x))
