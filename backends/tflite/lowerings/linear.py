"""Linear layers: a constant matrix on the right."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.lowerings.conv import activation_of, coded_bias
from mmc.ir import Node, constant, operand
from mmc.opset import DOMAIN


@lowers("Linear", domain=DOMAIN)
def linear(e: Emitter, n: Node) -> None:
    """Linear(x (..., K), w (M, K), b (M,)) = x wᵀ + b -> FULLY_CONNECTED that keeps the rank."""
    bias = operand(n, 2)
    data = constant(bias)
    x, w = e.tensor(n.inputs[0]), e.tensor(n.inputs[1])
    if bias is None or (data is not None and not data.any()):
        b = -1
    else:
        b = (
            coded_bias(e, data, x, w, data.size)
            if e.integer and data is not None
            else e.tensor(bias)
        )
    options = schema.FullyConnectedOptionsT()
    options.keepNumDims = True
    options.fusedActivationFunction = activation_of(e, n)
    e.op("FULLY_CONNECTED", [x, w, b], [e.tensor(n.outputs[0])], options, version=5)
