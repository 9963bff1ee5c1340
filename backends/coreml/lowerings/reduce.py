"""Reductions over axes."""

from __future__ import annotations

import numpy as np

from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.program import Var
from mmc.backends.lowering import Unsupported, known
from mmc.ir import Node, attrs, shape_of

CODES = {
    "ReduceL1": "reduce_l1_norm",
    "ReduceL2": "reduce_l2_norm",
    "ReduceLogSum": "reduce_log_sum",
    "ReduceLogSumExp": "reduce_log_sum_exp",
    "ReduceMax": "reduce_max",
    "ReduceMean": "reduce_mean",
    "ReduceMin": "reduce_min",
    "ReduceProd": "reduce_prod",
    "ReduceSum": "reduce_sum",
    "ReduceSumSquare": "reduce_sum_square",
}
INTEGERS = frozenset({"ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum"})


@lowers(*CODES)
def reduce(e: Emitter, n: Node) -> None:
    """y = f over `axes` (all of them by default) -> reduce_*."""
    x, given, shape = e.var(n.inputs[0]), attrs(n), shape_of(n.outputs[0])
    if 0 in x.shape:
        raise Unsupported("nothing to reduce: the operand has no elements")
    axes = [a % len(x.shape) for a in known(n, 1) or []]
    if not axes and not given["noop_with_empty_axes"]:
        axes = list(range(len(x.shape)))
    if not axes:
        e.set(n.outputs[0], unreduced(e, n.op_type, x))
        return
    kind = "int32" if x.dtype == "bool" else x.dtype
    if kind != e.float and n.op_type not in INTEGERS:
        raise Unsupported(f"{n.op_type} of integers")
    keep = bool(given["keepdims"])
    y = e.op(CODES[n.op_type], shape, kind, x=e.cast(x, kind), axes=axes, keep_dims=keep)
    e.set(n.outputs[0], e.cast(y, x.dtype))


def unreduced(e: Emitter, op_type: str, x: Var) -> Var:
    """Emit what a reduction over no axis does to each element."""
    if op_type in ("ReduceL1", "ReduceL2"):
        return e.like("abs", x)
    if op_type == "ReduceSumSquare":
        return e.like("mul", x, y=x)
    return e.like("log", x, epsilon=np.float32(0)) if op_type == "ReduceLogSum" else x


@lowers("ArgMax", "ArgMin")
def arg(e: Emitter, n: Node) -> None:
    """y = where along `axis` the largest or smallest element is, the first or the last of them."""
    x, given, shape = e.var(n.inputs[0]), attrs(n), shape_of(n.outputs[0])
    axis, code = given["axis"] % len(x.shape), f"reduce_{n.op_type.lower()}"
    if x.dtype == "bool":
        x = e.cast(x, "int32")
    if given["select_last_index"]:
        x = e.like("reverse", x, axes=[axis])
    y = e.op(code, shape, "int32", x=x, axis=axis, keep_dims=bool(given["keepdims"]))
    if given["select_last_index"]:
        y = e.op("sub", shape, "int32", x=np.int32(x.shape[axis] - 1), y=y)
    e.set(n.outputs[0], y)
