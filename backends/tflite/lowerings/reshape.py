"""Changes of shape that move no data."""

from __future__ import annotations

from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import reshape as to_shape
from mmc.ir import Node, shape_of


@lowers("Reshape", "Squeeze", "Unsqueeze", "Flatten")
def reshape(e: Emitter, n: Node) -> None:
    """y = x in the shape that inference found -> RESHAPE, or nothing."""
    x, shape = e.tensor(n.inputs[0]), shape_of(n.outputs[0])
    if shape == shape_of(n.inputs[0]):
        e.alias(n.outputs[0], x)
    else:
        to_shape(e, x, shape, e.tensor(n.outputs[0]))
