"""Softmax and its logarithm over the last axis; other axes are transposed before."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.ir import Node, attrs, shape_of


def need_last_axis(n: Node) -> None:
    """Refuse what the kernels do not do: another axis."""
    rank = len(shape_of(n.inputs[0]))
    if attrs(n)["axis"] % max(rank, 1) != max(rank - 1, 0):
        raise Unsupported(f"{n.op_type} is over the last axis only")


@lowers("Softmax")
def softmax(e: Emitter, n: Node) -> None:
    """y = exp(x) / sum(exp(x)) -> SOFTMAX with beta = 1."""
    need_last_axis(n)
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    e.op("SOFTMAX", [e.tensor(n.inputs[0])], [e.tensor(n.outputs[0])], options)


@lowers("LogSoftmax")
def log_softmax(e: Emitter, n: Node) -> None:
    """y = x - log(sum(exp(x))) -> LOG_SOFTMAX."""
    need_last_axis(n)
    options = schema.LogSoftmaxOptionsT()
    e.op("LOG_SOFTMAX", [e.tensor(n.inputs[0])], [e.tensor(n.outputs[0])], options)
