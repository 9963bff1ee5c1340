"""The scale and shift of a norm become part of the linear layer that reads it (stage `lanes`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, shape_of
from mmc.opset import DOMAIN
from mmc.passes.rules.gemms import free_to_change
from mmc.passes.rules.parts import row
from mmc.pattern import Builder, NoMatch, const, either, maybe, op, rewrite
from mmc.pattern_language import OpPattern

MOST_BYTES = 1 << 20
"""Of a weight: the product of a larger one takes so long that two operators are nothing beside."""
LINEAR = ("Linear", "LinearRelu", "LinearRelu6", "LinearReluN1To1")
SCALED = op.Mul("x", const("scale"))
AFFINE = either(op.Add(SCALED, const("shift")), SCALED)


@rewrite(
    OpPattern(LINEAR, DOMAIN, (AFFINE, const("w"), maybe(const("b")))).named("n"),
    stage="lanes",
    loses_digits=True,
)
def affine_linear(
    out: Builder, x: Value, scale: Array, shift: Array | None, w: Array, b: Array | None, n: Node
) -> Value:
    """linear(x * s + t, w, b)  ->  linear(x, w * s, b + w t), for s and t of one row."""
    if w.dtype != np.float32 or w.nbytes > MOST_BYTES or not free_to_change(n.inputs[1]):
        raise NoMatch("the weight is large, shared or not of floats")
    columns = w.shape[1]
    if shape_of(x)[-1:] != (columns,):
        raise NoMatch("it makes a row of one number")
    rows = [row(c, columns).astype(np.float64) for c in (scale, shift) if c is not None]
    total = 0.0 if len(rows) == 1 else w.astype(np.float64) @ rows[1]
    bias: Any = None if b is None and len(rows) == 1 else total + (0.0 if b is None else b)
    operands: list[Any] = [x, (w * rows[0]).astype(w.dtype)]
    return out.again(n, operands if bias is None else [*operands, bias.astype(w.dtype)])
