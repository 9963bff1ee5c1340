"""Operators that move no data.

A shape of more than five axes is not written: the value stays what it was, and a transpose or
another reshape that reads it takes the elements in order.
"""

from __future__ import annotations

from mmc.backends.coreml.coded import unpacked, unpacker
from mmc.backends.coreml.emitter import MAX_RANK, Emitter, lowers
from mmc.ir import Node, shape_of


@lowers("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")
def reshape(e: Emitter, n: Node) -> None:
    """y = x with another shape -> reshape; weights of integers are unpacked in that shape."""
    if (coded := unpacker(n.inputs[0])) is not None:
        e.defer(n.outputs[0], lambda: unpacked(e, coded, shape_of(n.outputs[0])))
        return
    x, shape = e.flat(n.inputs[0]), shape_of(n.outputs[0])
    e.set(n.outputs[0], x if len(shape) > MAX_RANK else e.reshape(x, shape))
