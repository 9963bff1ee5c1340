"""Conversions between types."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.backends.coreml.arithmetic import binary
from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.program import Var
from mmc.backends.lowering import Unsupported
from mmc.ir import Node, dtype_of


@lowers("Cast", "CastLike")
def cast(e: Emitter, n: Node) -> None:
    """y = x as another type: float to integer cuts, to bool asks for non-zero."""
    source, target = dtype_of(n.inputs[0]), dtype_of(n.outputs[0])
    x = e.var(n.inputs[0])
    if target.kind in "iu":
        y = narrow(e, e.cast(x, "int32"), source, target)
    elif target.kind == "b":
        zero = np.float32(0) if x.dtype == e.float else np.int32(0)
        y = x if x.dtype == "bool" else binary(e, "not_equal", x, zero, "bool")
    else:
        y = rounded(e, e.cast(x, e.type_of(n.outputs[0])), target)
    e.set(n.outputs[0], y)


def narrow(e: Emitter, x: Var, source: np.dtype[Any], target: np.dtype[Any]) -> Var:
    """Emit the wrap-around of integers that a type of fewer bits makes."""
    if target.itemsize >= 4 or np.can_cast(source, target):
        return x
    size, low = 1 << 8 * target.itemsize, int(np.iinfo(target).min)
    moved = e.like("add", x, y=np.int32(-low))
    return e.like("add", e.like("mod", moved, y=np.int32(size)), y=np.int32(low))


def rounded(e: Emitter, x: Var, target: np.dtype[Any]) -> Var:
    """Emit the rounding of a float type that is narrower than what is computed in."""
    if target.itemsize >= 4 or x.dtype == "fp16":
        return x
    if target != np.float16:
        raise Unsupported(f"Core ML has no numbers of type {target}")
    half = e.cast(x, "fp16")
    return e.op("cast", x.shape, x.dtype, x=half, dtype=x.dtype)
