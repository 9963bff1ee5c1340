"""TFLite operators take an activation with them: Conv2d then Relu is Conv2dRelu."""

from __future__ import annotations

import numpy as np

from mmc import opset
from mmc.ir import Node, Value, constant, dtype_of, own_attrs
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite
from mmc.pattern_language import OpPattern

LIMITS = {(0.0, 6.0): "Relu6", (-1.0, 1.0): "ReluN1To1"}
CHANNELS_LAST = ("Conv2d", "DepthwiseConv2d", "Conv3d", "Linear", "MaxPool2d", "AveragePool2d")


def activation_of(n: Node) -> str:
    """Return TFLite's name of a Relu or Clip node, or refuse."""
    if n.op_type == "Relu":
        return "Relu"
    limits = [constant(v) for v in n.inputs[1:]]
    if len(limits) == 2 and all(v is not None and v.size == 1 for v in limits):
        low, high = (float(v.item()) for v in limits if v is not None)
        if (low, high) in LIMITS:
            return LIMITS[low, high]
    raise NoMatch("TFLite fuses only (0, inf), (0, 6) and (-1, 1)")


def fused(out: Builder, n: Node, activation: Node) -> Value:
    """Record node `n` with the activation as the suffix of its name."""
    if dtype_of(n.outputs[0]) != np.float32:
        raise NoMatch(f"only float32 kernels take an activation, not {n.outputs[0].dtype}")
    name = n.op_type + activation_of(activation)
    return out.mmc.node(name, list(n.inputs), **own_attrs(n))  # type: ignore[no-any-return]


def followed_by_activation(inner: OpPattern) -> OpPattern:
    """Return the pattern of Relu or Clip after `inner`."""
    pattern: OpPattern = op["Relu", "Clip"](inner.named("n"), maybe("low"), maybe("high"))
    return pattern.named("activation")


@rewrite(
    followed_by_activation(
        OpPattern(CHANNELS_LAST, opset.DOMAIN, ("x", maybe("w"), maybe("b"))),
    ),
    stage="tflite",
)
def layer_activation(out: Builder, n: Node, activation: Node) -> Value:
    """relu(conv2d(x, w, b))  ->  conv2drelu(x, w, b); Clip(0, 6) and Clip(-1, 1) likewise."""
    return fused(out, n, activation)


@rewrite(followed_by_activation(op["Add", "Sub", "Mul", "Div"]("x", "y")), stage="tflite")
def arithmetic_activation(out: Builder, n: Node, activation: Node) -> Value:
    """relu(x + y)  ->  addrelu(x, y); also Sub, Mul, Div and the limits (0, 6), (-1, 1)."""
    return fused(out, n, activation)
