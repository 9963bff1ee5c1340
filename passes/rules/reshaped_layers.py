"""What follows a convolution behind a reshape, as over one axis, becomes part of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, shape_of
from mmc.opset import DOMAIN
from mmc.passes.rules.fused_activation import fused
from mmc.passes.rules.reshapes import reshape
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite
from mmc.pattern_language import OpPattern

LAYER = OpPattern(("Conv2d", "DepthwiseConv2d"), DOMAIN, ("x", "w", maybe(const("b")))).named("n")
MOVED = op.Reshape(LAYER, "shape")


@rewrite(op["Relu", "Clip"](MOVED, maybe("low"), maybe("high")).named("activation"), stage="tflite")
def activation_of_reshaped(out: Builder, n: Node, activation: Node) -> Value:
    """relu(reshape(conv2d(x, w)))  ->  reshape(conv2drelu(x, w));  other limits likewise."""
    return reshape(out, fused(out, n, activation), shape_of(activation.outputs[0]))


@rewrite(op.Add(MOVED, const("c")).named("sum"), stage="tflite")
def bias_of_reshaped(
    out: Builder, x: Value, w: Value, b: Array | None, c: Array, n: Node, sum: Node
) -> Value:
    """reshape(conv2d(x, w, b)) + c  ->  reshape(conv2d(x, w, b + c)), where channels stay last."""
    channels, shape = shape_of(n.outputs[0])[-1], shape_of(sum.outputs[0])
    if (
        shape[-1:] != (channels,)
        or c.ndim > len(shape)
        or c.size not in (1, channels)
        or c.size != (*c.shape, 1)[c.ndim - 1]
    ):
        raise NoMatch("the constant is not one number per channel")
    each = np.broadcast_to(c.reshape(-1), channels)
    bias: Any = np.ascontiguousarray(each if b is None else b + each)
    return reshape(out, out.again(n, [x, w, bias]), shape)
