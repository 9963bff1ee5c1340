"""Upsampling as a processor computes it well: a convolution of single pixels, then blocks of them.

Kernels of transposed convolutions go from one pixel of the result to the next; where no two windows
overlap, a pixel makes a whole block, and one product of matrices makes all (stage `lanes`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.opset import DOMAIN
from mmc.passes.rules.few_filters import CONVOLUTIONS, LANES
from mmc.passes.rules.fused_activation import fused
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite
from mmc.pattern_language import OpPattern

ALONE: dict[str, Any] = {"strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1], "group": 1}
"""What says that a convolution of 1 x 1 reads single pixels, each once."""
TRANSPOSED = OpPattern(("ConvTranspose2d",), DOMAIN, ("x", const("w"), maybe(const("b"))))
CONV = OpPattern(CONVOLUTIONS, DOMAIN, ("x", const("w"), maybe(const("b")))).named("conv")


def blocks(inner: OpPattern | str) -> OpPattern:
    """Return the pattern of pixels that become blocks."""
    return OpPattern(("DepthToSpace",), DOMAIN, (inner,))


@rewrite(TRANSPOSED.named("n"), stage="lanes")
def conv_transpose_of_blocks(out: Builder, x: Value, w: Array, b: Array | None, n: Node) -> Value:
    """convtranspose2d(x, w (O, k, k, I))  ->  depthtospace(conv2d(x, (k k O, 1, 1, I)), k).

    Windows that do not overlap: strides as long as the kernel. Blocks of one row are a reshape.
    """
    (high, wide, inner), options = w.shape[1:], attrs(n)
    if list(options["strides"]) != [high, wide] or high * wide == 1:
        raise NoMatch("its windows overlap, or leave gaps")
    if any(gap != 1 for gap in options["dilations"]):
        raise NoMatch("its kernel has gaps")
    if any(options["pads"]) or any(options.get("output_padding") or ()) or options["group"] != 1:
        raise NoMatch("it crops or pads its result, or has groups")
    if high not in (1, wide):
        raise NoMatch("its blocks are no squares and no rows")
    each = np.ascontiguousarray(w.transpose(1, 2, 0, 3)).reshape(-1, 1, 1, inner)
    operands: list[Any] = [x, each] + ([] if b is None else [np.tile(b, high * wide)])
    y = out.mmc.node("Conv2d", operands, **ALONE)
    if high == 1:
        return out.Reshape(y, list(shape_of(n.outputs[0])))
    return out.mmc.DepthToSpace(y, blocksize=wide)


@rewrite(
    op["Relu", "Clip"](blocks(CONV).named("n"), maybe("low"), maybe("high")).named("activation"),
    stage="lanes",
)
def activation_of_blocks(out: Builder, conv: Node, n: Node, activation: Node) -> Value:
    """relu(depthtospace(conv2d(x, w)))  ->  depthtospace(conv2drelu(x, w)); other limits too."""
    if conv.op_type != "Conv2d":
        raise NoMatch("the convolution has an activation already")
    y = fused(out, conv, activation)
    return out.mmc.DepthToSpace(y, blocksize=attrs(n)["blocksize"])


@rewrite(
    OpPattern(
        CONVOLUTIONS, DOMAIN, (blocks("x").named("inner"), const("w"), maybe(const("b")))
    ).named("n"),
    stage="lanes",
)
def conv_of_blocks(
    out: Builder, x: Value, w: Array, b: Array | None, inner: Node, n: Node
) -> Value:
    """conv2d(depthtospace(x, k), w (O, 1, 1, I))  ->  depthtospace(conv2d(x, w'), k).

    w' has w once for every pixel of a block, between zeros. A kernel multiplies 16 filters at once,
    whether there are as many or not: up to those, the zeros cost nothing, and less is moved. x is
    finite, so that they add nothing.
    """
    block, (filters, high, wide, channels) = attrs(inner)["blocksize"], w.shape
    pixels = block * block
    if high * wide != 1 or any(list(attrs(n)[key]) != ALONE[key] for key in ("strides", "pads")):
        raise NoMatch("it reads more than single pixels, each once")
    if attrs(n)["group"] != 1 or filters * pixels > max(LANES) or w.dtype != np.float32:
        raise NoMatch("it has groups, more filters than are computed at once, or no floats")
    whole = np.zeros((pixels, filters, 1, 1, pixels, channels), w.dtype)
    for pixel in range(pixels):
        whole[pixel, :, 0, 0, pixel] = w[:, 0, 0]
    operands: list[Any] = [x, whole.reshape(pixels * filters, 1, 1, -1)]
    operands += [] if b is None else [np.tile(b, pixels)]
    return out.mmc.DepthToSpace(out.again(n, operands), blocksize=block)


@rewrite(blocks(blocks(CONV).named("inner")).named("outer"), stage="lanes")
def blocks_of_blocks(
    out: Builder, x: Value, w: Array, b: Array | None, conv: Node, inner: Node, outer: Node
) -> Value:
    """depthtospace(depthtospace(conv2d(x, w), k), m)  ->  depthtospace(conv2d(x, w'), k m).

    The filters of w are those of w' in the order of rows, columns and channels of larger blocks.
    """
    k, m = attrs(inner)["blocksize"], attrs(outer)["blocksize"]
    places = np.arange(len(w)).reshape(k, k, m, m, -1).transpose(0, 2, 1, 3, 4).reshape(-1)
    operands: list[Any] = [x, w[places]] + ([] if b is None else [b[places]])
    return out.mmc.DepthToSpace(out.again(conv, operands), blocksize=k * m)
