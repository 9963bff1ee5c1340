"""Comparisons; operands broadcast, the result is bool."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute, copy
from mmc.ir import Node, attrs, dtype_of

KERNELS = {
    "Equal": ("EQUAL", schema.EqualOptionsT),
    "Less": ("LESS", schema.LessOptionsT),
    "LessOrEqual": ("LESS_EQUAL", schema.LessEqualOptionsT),
    "Greater": ("GREATER", schema.GreaterOptionsT),
    "GreaterOrEqual": ("GREATER_EQUAL", schema.GreaterEqualOptionsT),
}


@lowers(*KERNELS)
def compare(e: Emitter, n: Node) -> None:
    """y = a ? b."""
    code, options = KERNELS[n.op_type]
    inputs = [e.tensor(v) for v in n.inputs]
    compute(e, code, inputs, e.tensor(n.outputs[0]), options())


@lowers("IsNaN")
def is_nan(e: Emitter, n: Node) -> None:
    """y = x != x."""
    x = e.tensor(n.inputs[0])
    compute(e, "NOT_EQUAL", [x, x], e.tensor(n.outputs[0]), schema.NotEqualOptionsT())


@lowers("IsInf")
def is_inf(e: Emitter, n: Node) -> None:
    """y = |x| == inf, or one sign of it."""
    given = attrs(n)
    low, high = given["detect_negative"], given["detect_positive"]
    x, infinity = e.tensor(n.inputs[0]), np.array(np.inf, dtype_of(n.inputs[0]))
    if not low and not high:
        raise Unsupported("IsInf that detects neither sign", fix="replace it by a constant")
    if low and high:
        x = compute(e, "ABS", [x], copy(e, x), schema.AbsOptionsT())
    bound = e.constant(infinity if high else -infinity)
    compute(e, "EQUAL", [x, bound], e.tensor(n.outputs[0]), schema.EqualOptionsT())
