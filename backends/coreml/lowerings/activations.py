"""Activation functions."""

from __future__ import annotations

import numpy as np

from mmc.backends.coreml.arithmetic import constant_number
from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.ir import Node, attrs, constant, shape_of
from mmc.opset import DOMAIN

PLAIN = {
    "Sigmoid": "sigmoid",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Tanh": "tanh",
}
WITH_ALPHA = {"Elu": "elu", "LeakyRelu": "leaky_relu"}


@lowers(*PLAIN)
def plain(e: Emitter, n: Node) -> None:
    """y = f(x), elementwise."""
    e.set(n.outputs[0], e.like(PLAIN[n.op_type], e.var(n.inputs[0])))


@lowers("Relu")
def relu(e: Emitter, n: Node) -> None:
    """y = max(x, 0) -> relu; maximum for integers."""
    x = e.var(n.inputs[0])
    y = e.like("relu", x) if x.dtype == e.float else e.like("maximum", x, y=0)
    e.set(n.outputs[0], y)


@lowers("Silu", domain=DOMAIN)
def silu(e: Emitter, n: Node) -> None:
    """y = x sigmoid(x) -> silu."""
    e.set(n.outputs[0], e.like("silu", e.var(n.inputs[0])))


@lowers(*WITH_ALPHA)
def with_alpha(e: Emitter, n: Node) -> None:
    """y = x where x >= 0, else f(alpha, x)."""
    alpha = np.float32(attrs(n)["alpha"])
    e.set(n.outputs[0], e.like(WITH_ALPHA[n.op_type], e.var(n.inputs[0]), alpha=alpha))


@lowers("Gelu")
def gelu(e: Emitter, n: Node) -> None:
    """y = x Phi(x), or its approximation by tanh -> gelu."""
    exact = attrs(n)["approximate"] == "none"
    mode = "EXACT" if exact else "TANH_APPROXIMATION"
    e.set(n.outputs[0], e.like("gelu", e.var(n.inputs[0]), mode=mode))


@lowers("HardSigmoid")
def hard_sigmoid(e: Emitter, n: Node) -> None:
    """y = min(max(alpha x + beta, 0), 1) -> sigmoid_hard."""
    given, x = attrs(n), e.var(n.inputs[0])
    alpha, beta = np.float32(given["alpha"]), np.float32(given["beta"])
    e.set(n.outputs[0], e.like("sigmoid_hard", x, alpha=alpha, beta=beta))


@lowers("HardSwish")
def hard_swish(e: Emitter, n: Node) -> None:
    """y = x hard_sigmoid(x), with alpha = 1/6 and beta = 1/2."""
    x = e.var(n.inputs[0])
    gate = e.like("sigmoid_hard", x, alpha=np.float32(1 / 6), beta=np.float32(0.5))
    e.set(n.outputs[0], e.like("mul", x, y=gate))


@lowers("PRelu")
def prelu(e: Emitter, n: Node) -> None:
    """y = max(x, 0) + slope min(x, 0) -> prelu where there is one slope a channel."""
    x, shape = e.var(n.inputs[0]), shape_of(n.inputs[0])
    slope = constant(n.inputs[1])
    if slope is not None and x.dtype == e.float and len(shape) >= 3:
        one_a_channel = (1,) * (len(shape) - slope.ndim) + slope.shape
        if one_a_channel == (1, shape[1]) + (1,) * (len(shape) - 2):
            e.set(n.outputs[0], e.like("prelu", x, alpha=slope.reshape(-1)))
            return
    zero = np.zeros((), np.float32 if x.dtype == e.float else np.int32)
    above = e.like("maximum", x, y=zero)
    below = e.like("minimum", x, y=zero)
    below = e.like("mul", below, y=e.var(n.inputs[1]))
    e.set(n.outputs[0], e.like("add", above, y=below))


@lowers("Clip")
def clip(e: Emitter, n: Node) -> None:
    """y = min(max(x, low), high), the bounds constant -> relu6, clip, maximum or minimum."""
    x = e.var(n.inputs[0])
    low, high = constant_number(n, 1), constant_number(n, 2)
    if (low, high) == (0, 6) and x.dtype == e.float:
        y = e.like("relu6", x)
    elif low is not None and high is not None and x.dtype == e.float and low <= high:
        y = e.like("clip", x, alpha=low, beta=high)
    else:
        y = x if low is None else e.like("maximum", x, y=low)
        y = y if high is None else e.like("minimum", y, y=high)
    e.set(n.outputs[0], y)
