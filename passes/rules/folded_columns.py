"""Convolutions of few channels in long steps, as a processor computes them well (stage `lanes`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.opset import DOMAIN
from mmc.passes.rules.few_filters import CONVOLUTIONS
from mmc.pattern import Builder, NoMatch, const, maybe, rewrite
from mmc.pattern_language import OpPattern

MOST_CHANNELS = 4
"""A kernel looks up where each tap of a window is; more channels a tap make up for that."""


@rewrite(
    OpPattern(CONVOLUTIONS, DOMAIN, ("x", const("w"), maybe(const("b")))).named("n"),
    stage="lanes",
)
def columns_as_channels(out: Builder, x: Value, w: Array, n: Node) -> Value:
    """conv2d(x (N, H, W, C), w, strides (a, s))  ->  conv2d(reshape(x), reshape(w), (a, 1)).

    Shapes: x (N, H, W / s, s C), w (O, K, L / s, s C): with channels last no number moves.
    """
    (batch, high, wide, channels), options = shape_of(x), attrs(n)
    (filters, rows, columns, _), (down, stride) = w.shape, options["strides"]
    if stride == 1 or wide % stride or columns % stride or channels > MOST_CHANNELS:
        raise NoMatch("its steps do not part rows and windows, or it has many channels")
    if any(options["pads"][1::2]) or options["dilations"][1] != 1 or options["group"] != 1:
        raise NoMatch("it has groups, or pads or gaps between columns")
    folded = out.Reshape(x, [batch, high, wide // stride, stride * channels])
    weight: Any = np.ascontiguousarray(w).reshape(
        filters, rows, columns // stride, stride * channels
    )
    return out.again(n, [folded, weight, *n.inputs[2:]], strides=[down, 1])
