"""MaxUnpool: the maxima of a pooling put back where they came from."""

from __future__ import annotations

from math import prod

import numpy as np

from mmc.ir import Node, Value, attrs, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

from .parts import reshape


@rewrite(op.MaxUnpool("x", "i", maybe("size")).named("n"), stage="decompose")
def max_unpool(out: Builder, x: Value, i: Value, size: Value | None, n: Node) -> Value:
    """max_unpool(x, i)  ->  scatter_nd(zeros, i, x), all of them flat, reshaped.

    Windows that overlap may have one maximum: whose value remains then is left to the runtime.
    """
    kernel, shape = attrs(n)["kernel_shape"], shape_of(n.outputs[0])
    strides = attrs(n).get("strides") or [1] * len(kernel)
    if any(s < k for s, k in zip(strides, kernel, strict=True)):
        raise NoMatch("its windows overlap: two values may meet at one place")
    if shape != unpooled(n):
        raise NoMatch("its output_shape is not that of its windows: runtimes differ on the places")
    flat = out.ScatterND(
        np.zeros(prod(shape), dtype_of(x)), reshape(out, i, [-1, 1]), reshape(out, x, [-1])
    )
    return reshape(out, flat, shape)


def unpooled(n: Node) -> tuple[int, ...]:
    """Return the shape that the windows cover: (size - 1) stride + kernel - pads."""
    given, (batch, channels, *space) = attrs(n), shape_of(n.inputs[0])
    kernel, count = given["kernel_shape"], len(space)
    strides, pads = given.get("strides") or [1] * count, given.get("pads") or [0] * (2 * count)
    sizes = (
        (space[a] - 1) * strides[a] + kernel[a] - pads[a] - pads[count + a] for a in range(count)
    )
    return (batch, channels, *sizes)
