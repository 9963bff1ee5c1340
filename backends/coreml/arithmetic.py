"""Small computations that several lowerings need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmc.backends.lowering import Unsupported
from mmc.ir import Node, constant

from .emitter import Emitter
from .program import Var


def broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    """Return the common shape of operands."""
    return np.broadcast_shapes(*(tuple(s) for s in shapes))


def binary(e: Emitter, code: str, x: Any, y: Any, dtype: str = "") -> Var:
    """Emit an elementwise operation of two operands, which may be Python or numpy values."""
    left, right = e.lift(x), e.lift(y)
    shape = broadcast(left.shape, right.shape)
    return e.op(code, shape, dtype or left.dtype, x=left, y=right)


def constant_number(n: Node, position: int) -> Any:
    """Return a constant operand as a numpy number; None if it is omitted."""
    value = n.inputs[position] if position < len(n.inputs) else None
    if value is None:
        return None
    array = constant(value)
    if array is None or array.size != 1:
        raise Unsupported(f"{n.op_type} by a computed number")
    return array.reshape(())[()]


def quotient(e: Emitter, x: Var, y: Var) -> Var:
    """Emit the integer quotient rounded towards zero: sign(x) sign(y) floor(|x| / |y|)."""
    size = binary(e, "floor_div", e.like("abs", x), e.like("abs", y))
    sign = binary(e, "mul", e.like("sign", x), e.like("sign", y))
    return binary(e, "mul", size, sign)


def remainder(e: Emitter, x: Var, y: Var) -> Var:
    """Emit the remainder with the sign of x: sign(x) (|x| mod |y|)."""
    size = binary(e, "mod", e.like("abs", x), e.like("abs", y))
    return binary(e, "mul", size, e.like("sign", x))


def from_front(e: Emitter, i: Var, sizes: Any) -> Var:
    """Emit i + sizes where i < 0, else i; what is out of range stays so."""
    below = binary(e, "less", i, np.int32(0), "bool")
    moved = binary(e, "add", i, np.asarray(sizes, np.int32))
    return e.op("select", i.shape, "int32", cond=below, a=moved, b=i)
