"""Softmax and its logarithm."""

from __future__ import annotations

from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.ir import Node, attrs


@lowers("Softmax")
def softmax(e: Emitter, n: Node) -> None:
    """y = exp(x) / sum(exp(x)) along `axis`."""
    x = e.var(n.inputs[0])
    axis = attrs(n)["axis"] % max(len(x.shape), 1)
    e.set(n.outputs[0], e.like("softmax", x, axis=axis))


@lowers("LogSoftmax")
def log_softmax(e: Emitter, n: Node) -> None:
    """y = (x - max) - log(sum(exp(x - max))) along `axis`: nothing overflows."""
    x = e.var(n.inputs[0])
    axis = attrs(n)["axis"] % max(len(x.shape), 1)
    one = tuple(1 if a == axis else d for a, d in enumerate(x.shape))
    largest = e.op("reduce_max", one, x.dtype, x=x, axes=[axis], keep_dims=True)
    moved = e.like("sub", x, y=largest)
    total = e.op("reduce_log_sum_exp", one, x.dtype, x=moved, axes=[axis], keep_dims=True)
    e.set(n.outputs[0], e.like("sub", moved, y=total))
