"""Comparisons, logic and choice."""

from __future__ import annotations

import numpy as np

from mmc.backends.coreml.arithmetic import binary, broadcast
from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.lowerings.expand import tiled
from mmc.backends.coreml.program import Var
from mmc.ir import Node, attrs

COMPARE = {
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
}
LOGIC = {"And": "logical_and", "Or": "logical_or", "Xor": "logical_xor"}


@lowers(*COMPARE, *LOGIC)
def compare(e: Emitter, n: Node) -> None:
    """y = a ? b, a bool."""
    a, b = (e.var(v) for v in n.inputs)
    e.set(n.outputs[0], binary(e, (COMPARE | LOGIC)[n.op_type], a, b, "bool"))


@lowers("Equal")
def equal(e: Emitter, n: Node) -> None:
    """y = (a == b); of bools not (a xor b)."""
    a, b = (e.var(v) for v in n.inputs)
    if a.dtype == "bool":
        y = e.like("logical_not", binary(e, "logical_xor", a, b))
    else:
        y = binary(e, "equal", a, b, "bool")
    e.set(n.outputs[0], y)


@lowers("Not")
def logical_not(e: Emitter, n: Node) -> None:
    """y = not x."""
    e.set(n.outputs[0], e.like("logical_not", e.var(n.inputs[0])))


@lowers("IsNaN")
def is_nan(e: Emitter, n: Node) -> None:
    """y = (x != x)."""
    x = e.var(n.inputs[0])
    e.set(n.outputs[0], binary(e, "not_equal", x, x, "bool"))


@lowers("IsInf")
def is_inf(e: Emitter, n: Node) -> None:
    """y = (x == inf) or (x == -inf), as far as asked for."""
    x, given = e.var(n.inputs[0]), attrs(n)
    infinity = np.float32(np.inf if given["detect_positive"] else -np.inf)
    if given["detect_positive"] and given["detect_negative"]:
        x = e.like("abs", x)
    elif not (given["detect_positive"] or given["detect_negative"]):
        infinity, x = np.float32(1), e.like("mul", x, y=np.float32(0))
    e.set(n.outputs[0], binary(e, "equal", x, infinity, "bool"))


@lowers("Where")
def where(e: Emitter, n: Node) -> None:
    """y = a where c, else b; all three broadcast -> select, whose shape is that of a and b."""
    c, a, b = (e.var(v) for v in n.inputs)
    shape = broadcast(c.shape, a.shape, b.shape)
    if broadcast(a.shape, b.shape) != shape:
        if b.is_constant or not a.is_constant:
            b = stretched(e, b, shape)
        else:
            a = stretched(e, a, shape)
    e.set(n.outputs[0], e.op("select", shape, a.dtype, cond=c, a=a, b=b))


def stretched(e: Emitter, x: Var, shape: tuple[int, ...]) -> Var:
    """Return x repeated to a shape."""
    if isinstance(x.data, np.ndarray):
        return e.typed(np.ascontiguousarray(np.broadcast_to(x.data, shape)), x.dtype)
    x = e.reshape(x, (1,) * (len(shape) - len(x.shape)) + x.shape)
    return tiled(e, x, [d // s for d, s in zip(shape, x.shape, strict=True)])
