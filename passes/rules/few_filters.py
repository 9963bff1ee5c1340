"""Convolutions of few filters, as a processor computes them well (stage `lanes`)."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.opset import DOMAIN
from mmc.pattern import Builder, NoMatch, const, maybe, rewrite
from mmc.pattern_language import OpPattern

LANES = (8, 16)
"""Numbers that a processor multiplies at once: NEON's kernels of XNNPACK take 8, AVX-512's 16."""
PLACES = (2, 3, 4, 5, 6, 8, 10, 12, 16)
GAIN, LOSS = 0.8, 1.05
"""What the time of the kernel must fall to in the mean of both, and may rise to on either."""
MOST_BYTES = 1 << 17
LEAST_PRODUCTS = 1 << 17
LEAST_OF_TWO = 1 << 21
"""Of convolutions whose time is more than that of an operator, and of the four that parts take."""
CONVOLUTIONS = ("Conv2d", "Conv2dRelu", "Conv2dRelu6", "Conv2dReluN1To1")


@rewrite(
    OpPattern(CONVOLUTIONS, DOMAIN, ("x", const("w"), maybe(const("b")))).named("n"),
    stage="lanes",
)
def conv_of_few_filters(out: Builder, x: Value, w: Array, b: Array | None, n: Node) -> Value:
    """conv2d(x, w)  ->  reshape(conv2d(x, w')): each filter of w' is w for one of several places.

    A kernel computes 8 or 16 filters at once, whether there are as many or not. Filter o of place j
    is w[o] moved j strides to the right, between zeros; x is finite, so that those add nothing.
    """
    options = attrs(n)
    high, wide = shape_of(n.outputs[0])[1:3]
    if options["group"] != 1 or options["dilations"][1] != 1:
        raise NoMatch("its filters have groups, or gaps between their columns")
    if w.dtype != np.float32 or high * wide * w.size < LEAST_PRODUCTS:
        raise NoMatch("it is no large convolution of floats")
    exact = any(options["pads"][1::2]) or high * wide * w.size < LEAST_OF_TWO
    places = best_places(w.shape, options["strides"][1], wide, exact=exact)
    if places == 1:
        raise NoMatch("several places at once would not be faster")
    whole = wide // places * places
    made = spread(out, x, w, b, n, places)
    if whole == wide:
        return made
    rest = out.Slice(x, [whole * options["strides"][1]], [shape_of(x)[2]], [2])
    return out.Concat(made, out.again(n, [rest, *n.inputs[1:]]), axis=2)


def best_places(w: tuple[int, ...], stride: int, wide: int, *, exact: bool) -> int:
    """Return how many places to compute at once: 1 where that is best.

    Args:
        w: the shape of the weight: filters, rows, columns, channels.
        wide: the width of the result.
        exact: only those that divide it.
    """
    filters, rows, columns, channels = w

    def cost(places: int, lanes: int) -> float:
        return ceil(filters * places / lanes) * (columns + (places - 1) * stride) / places

    best, least = 1, GAIN
    for places in PLACES:
        size = 4 * filters * places * rows * (columns + (places - 1) * stride) * channels
        if places > wide or (exact and wide % places) or size > MOST_BYTES:
            continue
        ratios = [cost(places, lanes) / cost(1, lanes) for lanes in LANES]
        if max(ratios) <= LOSS and sum(ratios) / len(ratios) < least:
            best, least = places, sum(ratios) / len(ratios)
    return best


def spread(out: Builder, x: Value, w: Array, b: Array | None, n: Node, places: int) -> Value:
    """Record the convolution of so many places at once, and the view that parts them again."""
    filters, rows, columns, channels = w.shape
    down, stride = attrs(n)["strides"]
    shape = (places, filters, rows, columns + (places - 1) * stride, channels)
    wider = np.zeros(shape, w.dtype)
    for j in range(places):
        wider[j, :, :, j * stride : j * stride + columns] = w
    operands: list[Any] = [x, wider.reshape(places * filters, *shape[2:])]
    operands += [] if b is None else [np.tile(b, places)]
    y = out.again(n, operands, strides=[down, places * stride])
    batch, high, wide, _ = shape_of(n.outputs[0])
    return out.Reshape(y, [batch, high, wide // places * places, filters])
