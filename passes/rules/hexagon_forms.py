"""Forms of what Qualcomm's compiler selects and then fails on, measured on v73 to v81."""

from __future__ import annotations

import math

from mmc.ir import Node, Value, constant, shape_of
from mmc.matching import OpPattern
from mmc.opset import DOMAIN
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

from .parts import reshape


@rewrite(
    op.Reshape(
        OpPattern(("Linear",), DOMAIN, (op.Reshape("x", "inner"), "w", maybe("b"))), "outer"
    ).named("n"),
    stage="hexagon",
)
def linear_of_merged_axes(out: Builder, x: Value, w: Value, b: Value | None, n: Node) -> Value:
    """reshape(linear(reshape(x (…, h, d)), w, b), (…, h, e))  ->  the same by a 1 × 1 convolution.

    The compiler takes both reshapes away, as if the layer read only d, and fails.
    """
    before, after, weight = shape_of(x), shape_of(n.outputs[0]), constant(w)
    if before[:-1] != after[:-1] or before[-1] == shape_of(w)[-1]:
        raise NoMatch("the axes in front of the last are others, or the last is read alone")
    if weight is None:
        raise NoMatch("the weights are computed")
    outputs, inputs = weight.shape
    plane = reshape(out, x, (1, 1, math.prod(before) // inputs, inputs))
    bias = [] if b is None else [b]
    y = out.mmc.Conv2d(plane, weight.reshape(outputs, 1, 1, inputs), *bias)
    return reshape(out, y, after)
