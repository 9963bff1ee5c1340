"""Softmax of two classes, as a processor computes it well (stage `lanes`)."""

from __future__ import annotations

from math import prod

import numpy as np

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.opset import DOMAIN
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite
from mmc.pattern_language import OpPattern

LEAST = 256
"""Softmaxes from which on it is worth the trouble: one takes as long as a dozen sigmoids."""


@rewrite(
    op.Softmax(
        OpPattern(("Conv2d", "Linear"), DOMAIN, ("x", const("w"), maybe(const("b")))).named("n")
    ).named("softmax"),
    stage="lanes",
)
def softmax_of_two(
    out: Builder, x: Value, w: Array, b: Array | None, n: Node, softmax: Node
) -> Value:
    """softmax(x w0 + b0, x w1 + b1)  ->  sigmoid(x v + c, -(x v + c)), v = w0 - w1, c = b0 - b1."""
    shape = shape_of(n.outputs[0])
    if w.shape[0] != 2 or w.dtype != np.float32:
        raise NoMatch("its layer does not make two floats")
    if attrs(softmax)["axis"] not in (-1, len(shape) - 1) or prod(shape) < 2 * LEAST:
        raise NoMatch("it is of another axis, or of few")
    operands = [x, w - w[::-1]] + ([] if b is None else [b - b[::-1]])
    return out.Sigmoid(out.again(n, operands))
