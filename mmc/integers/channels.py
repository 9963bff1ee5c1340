"""Where a layer has its channels: those that it reads, and those that it makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmc.integers.layers import base_of, channel_axis, is_depthwise, weight_axis
from mmc.ir import Array, Node, attrs, constant, shape_of
from mmc.opset import DOMAIN

LAST = ((DOMAIN, "Conv2d"), (DOMAIN, "DepthwiseConv2d"), (DOMAIN, "Linear"))
"""Operators that have the channels that they read last in the weight."""
SECOND = (("", "Conv"), ("", "Gemm"))


@dataclass(frozen=True)
class Channels:
    """The axes that are channels: of what a layer reads and makes, and of its weight."""

    values: int
    made: int
    read: int
    """That of those that it makes, where every channel has a filter of its own."""

    @property
    def apart(self) -> bool:
        """Whether every channel has a filter of its own."""
        return self.made == self.read

    def filters(self, weight: Array) -> Array:
        """Return the weight as (made, read, window), (channels, 1, window) where they are apart."""
        axes = (self.made,) if self.apart else (self.made, self.read)
        moved = np.moveaxis(weight, axes, range(len(axes)))
        return moved.reshape(len(moved), 1 if self.apart else moved.shape[1], -1)


def channels_of(node: Node) -> Channels | None:
    """Return the channels of a layer that can be scaled one by one.

    That is where weight and bias are constants of this node alone, and no group has several.
    """
    op, given = base_of(node), attrs(node)
    if op not in LAST and op not in SECOND:
        return None
    constants, made = [v for v in node.inputs[1:] if v is not None], weight_axis(node, 1)
    if any(constant(v) is None or len(v.uses()) > 1 for v in constants) or given.get("transA"):
        return None
    if made is None:
        return None
    shape, axis = shape_of(node.inputs[1]), channel_axis(node)
    if is_depthwise(node):
        whole = shape_of(node.inputs[0])[axis] == shape[made]
        return Channels(axis, made, made) if whole else None
    read = len(shape) - 1 if op in LAST else 1 - made
    return Channels(axis, made, read) if given.get("group", 1) == 1 else None
