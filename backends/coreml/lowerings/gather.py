"""Reading at indices. Negative ones count from the end; computed ones are made positive."""

from __future__ import annotations

import numpy as np

from mmc.backends.coreml.arithmetic import from_front
from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.lowerings.slice import part
from mmc.backends.coreml.program import Var
from mmc.backends.lowering import counted_from_front
from mmc.ir import Array, Node, Value, attrs, constant, shape_of
from mmc.signs import may_be_negative

VALIDATES = 8
"""The specification from which on reading has an option to check indices."""


@lowers("Gather")
def gather(e: Emitter, n: Node) -> None:
    """y = x[..., i, ...] along `axis` -> gather; a slice for one constant place.

    An input that is looked up in a constant table (an embedding) is taken as it is: token numbers
    are not negative.
    """
    x, shape = e.var(n.inputs[0]), shape_of(n.outputs[0])
    axis = attrs(n)["axis"] % len(x.shape)
    place, known = constant(n.inputs[1]), x.is_constant or x.fixed
    if place is not None and place.size == 1 and not known:
        begin = int(place.item()) % x.shape[axis]
        one = [1 if a == axis else d for a, d in enumerate(x.shape)]
        begins = [begin if a == axis else 0 for a in range(len(x.shape))]
        e.set(n.outputs[0], e.reshape(part(e, x, begins, one), shape))
        return
    table = known and len(x.shape) == 2 and axis == 0
    i = positions(e, n.inputs[1], x.shape[axis], tokens=table)
    e.set(n.outputs[0], gathered(e, x, i, axis))


def gathered(e: Emitter, x: Var, i: Var, axis: int) -> Var:
    """Emit gather; of bools as integers."""
    shape = (*x.shape[:axis], *i.shape, *x.shape[axis + 1 :])
    kind = "int32" if x.dtype == "bool" else x.dtype
    y = e.op(
        "gather", shape, kind, x=e.cast(x, kind), indices=i, axis=axis, batch_dims=0, **checked(e)
    )
    return e.cast(y, x.dtype)


def checked(e: Emitter) -> dict[str, bool]:
    """Return the option that says indices need no check, where the operator has it."""
    return {"validate_indices": False} if e.version >= VALIDATES else {}


def positions(e: Emitter, value: Value | None, sizes: Array | int, *, tokens: bool = False) -> Var:
    """Return indices counted from the front.

    Args:
        sizes: the size along the indexed axis, or of each coordinate's.
        tokens: the model's inputs hold no negative ones.
    Raises:
        Unsupported: when a constant index is out of range.
    """
    known = constant(value)
    if known is not None:
        return e.lift(counted_from_front(known, sizes))
    i = e.var(value)
    return from_front(e, i, sizes) if may_be_negative(value, inputs=not tokens) else i


@lowers("GatherElements")
def gather_elements(e: Emitter, n: Node) -> None:
    """y[..., j, ...] = x[..., i[..., j, ...], ...] -> gather_along_axis.

    Where i is smaller than x along other axes, only that part of x is read.
    """
    x, shape = e.var(n.inputs[0]), shape_of(n.outputs[0])
    axis = attrs(n)["axis"] % len(x.shape)
    i = positions(e, n.inputs[1], x.shape[axis])
    read = [x.shape[axis] if a == axis else d for a, d in enumerate(shape)]
    if tuple(read) != x.shape:
        x = part(e, x, [0] * len(read), read)
    kind = "int32" if x.dtype == "bool" else x.dtype
    y = e.op(
        "gather_along_axis", shape, kind, x=e.cast(x, kind), indices=i, axis=axis, **checked(e)
    )
    e.set(n.outputs[0], e.cast(y, x.dtype))


@lowers("GatherND")
def gather_nd(e: Emitter, n: Node) -> None:
    """y = x[i], i (..., k) holding k coordinates after `batch_dims` shared axes -> gather_nd."""
    x, batches = e.var(n.inputs[0]), attrs(n)["batch_dims"]
    depth = shape_of(n.inputs[1])[-1]
    i = positions(e, n.inputs[1], np.array(x.shape[batches : batches + depth]))
    kind = "int32" if x.dtype == "bool" else x.dtype
    shape = shape_of(n.outputs[0])
    y = e.op(
        "gather_nd", shape, kind, x=e.cast(x, kind), indices=i, batch_dims=batches, **checked(e)
    )
    e.set(n.outputs[0], e.cast(y, x.dtype))
