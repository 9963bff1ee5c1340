"""Sliding windows of convolutions and pools: sizes and pads along one axis at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmc.values import Array, attrs


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a window: its geometry, and the pads that ONNX puts around the input."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def span(self) -> int:
        """Number of input positions that one window covers."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def result(self) -> int:
        """Number of windows: floor((size + pads - span) / stride) + 1."""
        return (self.size + self.before + self.after - self.span) // self.stride + 1

    @property
    def is_valid(self) -> bool:
        """Say whether no window reaches into the pads."""
        return self.before == 0 and self.needed_after == 0

    @property
    def needed_after(self) -> int:
        """The part of the pad at the end that some window reaches; the rest changes nothing."""
        reach = (self.result - 1) * self.stride + self.span
        return max(reach - self.size - self.before, 0)

    @property
    def is_same(self) -> bool:
        """Say whether TF's SAME rule gives these windows: ceil(size / stride), pads halved."""
        total = max((self.result - 1) * self.stride + self.span - self.size, 0)
        return self.result == -(-self.size // self.stride) and self.before == total // 2


def axes_of(node: ir.Node, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> list[Axis]:
    """Return the spatial axes of a conv or pool node over an input of these spatial sizes."""
    a, rank = attrs(node), len(sizes)
    ones, pads = (1,) * rank, tuple(a.get("pads") or (0,) * 2 * rank)
    return [
        Axis(*values)
        for values in zip(
            sizes,
            kernel,
            a.get("strides") or ones,
            a.get("dilations") or ones,
            pads[:rank],
            pads[rank:],
            strict=True,
        )
    ]


def inside(axis: Axis, before: int = 0, after: int = 0) -> Array:
    """Return how many positions of each window are of the input, or so far before and after it."""
    starts = axis.stride * np.arange(axis.result) - axis.before
    places = starts[:, None] + axis.dilation * np.arange(axis.kernel)
    counted: Array = ((places >= -before) & (places < axis.size + after)).sum(axis=1)
    return counted


def auto_pads(axis: Axis, auto_pad: str) -> tuple[int, int]:
    """Return the pads of one axis: its own, or what SAME_UPPER, SAME_LOWER or VALID say."""
    if auto_pad == "NOTSET":
        return axis.before, axis.after
    if auto_pad == "VALID":
        return 0, 0
    windows = -(-axis.size // axis.stride)
    total = max((windows - 1) * axis.stride + axis.span - axis.size, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if auto_pad == "SAME_UPPER" else (large, small)


def flat(pads: Sequence[tuple[int, int]]) -> list[int]:
    """Return ONNX's order: all begins, then all ends."""
    return [p[0] for p in pads] + [p[1] for p in pads]
