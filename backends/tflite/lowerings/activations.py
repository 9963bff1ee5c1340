"""Elementwise non-linearities that TFLite has a kernel for; the others are decomposed before."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.ir import Node, attrs, constant, dtype_of, shape_of
from mmc.opset import DOMAIN

SIMPLE = {"Relu": "RELU", "Sigmoid": "LOGISTIC", "Tanh": "TANH", "HardSwish": "HARD_SWISH"}
CLIPS = {(0.0, np.inf): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}


@lowers(*SIMPLE)
def simple(e: Emitter, n: Node) -> None:
    """y = f(x), one kernel each."""
    need_float(n)
    e.op(SIMPLE[n.op_type], [e.tensor(n.inputs[0])], [e.tensor(n.outputs[0])])


def need_float(n: Node) -> None:
    """Refuse integers: the kernels would read them as quantized."""
    if dtype_of(n.inputs[0]).kind != "f":
        raise Unsupported(f"{n.op_type} of {dtype_of(n.inputs[0])}", fix="cast to float first")


@lowers("Elu")
def elu(e: Emitter, n: Node) -> None:
    """y = x if x > 0 else exp(x) - 1; another alpha is decomposed."""
    if attrs(n)["alpha"] != 1:
        raise Unsupported("ELU has alpha = 1 only")
    e.op("ELU", [e.tensor(n.inputs[0])], [e.tensor(n.outputs[0])])


@lowers("LeakyRelu")
def leaky_relu(e: Emitter, n: Node) -> None:
    """y = x if x > 0 else alpha x -> LEAKY_RELU."""
    options = schema.LeakyReluOptionsT()
    options.alpha = attrs(n)["alpha"]
    e.op("LEAKY_RELU", [e.tensor(n.inputs[0])], [e.tensor(n.outputs[0])], options)


@lowers("PRelu")
def prelu(e: Emitter, n: Node) -> None:
    """y = x if x > 0 else slope x -> PRELU; the slope broadcasts to x."""
    e.op("PRELU", [e.tensor(v) for v in n.inputs], [e.tensor(n.outputs[0])])


@lowers("Gelu")
def gelu(e: Emitter, n: Node) -> None:
    """y = x Phi(x), by erf or its tanh approximation -> GELU."""
    options = schema.GeluOptionsT()
    options.approximate = attrs(n)["approximate"] == "tanh"
    e.op("GELU", [e.tensor(n.inputs[0])], [e.tensor(n.outputs[0])], options)


@lowers("Clip")
def clip(e: Emitter, n: Node) -> None:
    """y = min(max(x, low), high) -> RELU, RELU6, RELU_N1_TO_1, or MAXIMUM and MINIMUM."""
    x, y = e.tensor(n.inputs[0]), e.tensor(n.outputs[0])
    low, high = [*n.inputs[1:], None, None][:2]
    bounds = (-np.inf if low is None else constant(low), np.inf if high is None else constant(high))
    if dtype_of(n.inputs[0]).kind == "f" and all(b is not None for b in bounds):
        code = CLIPS.get((float(np.asarray(bounds[0]).item()), float(np.asarray(bounds[1]).item())))
        if code is not None:
            e.op(code, [x], [y])
            return
    steps = [(c, v) for c, v in (("MAXIMUM", low), ("MINIMUM", high)) if v is not None]
    if not steps:
        e.alias(n.outputs[0], x)
    options = schema.MaximumMinimumOptionsT
    for index, (code, bound) in enumerate(steps):
        last = index == len(steps) - 1
        target = y if last else e.like(n.outputs[0], shape_of(n.outputs[0]))
        x = e.op(code, [x, e.tensor(bound)], [target], options())


@lowers("Silu", domain=DOMAIN)
def silu(e: Emitter, n: Node) -> None:
    """y = x sigmoid(x) -> LOGISTIC, MUL."""
    x, y = e.tensor(n.inputs[0]), e.tensor(n.outputs[0])
    gate = e.op("LOGISTIC", [x], [e.like(n.outputs[0])])
    e.op("MUL", [x, gate], [y], schema.MulOptionsT())
