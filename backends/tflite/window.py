"""Sliding windows of convolutions and pools: ONNX pads in TFLite's two words, SAME and VALID."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.tflite.emitter import Emitter
from mmc.backends.tflite.program import Array
from mmc.ir import Node, attrs

ACTIVATION = {"": 0, "Relu": 1, "ReluN1To1": 2, "Relu6": 3}
"""Fused activations of the mmc operators as the schema's ActivationFunctionType."""


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


def axes_of(node: Node, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> list[Axis]:
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


def place(e: Emitter, x: int, axes: list[Axis], fill: float = 0.0) -> tuple[int, int]:
    """Return the input and the TFLite padding word for these windows, with a PAD where none fits."""
    if all(axis.is_valid for axis in axes):
        return x, schema.Padding.VALID
    if all(axis.is_same for axis in axes):
        return x, schema.Padding.SAME
    pads = [(0, 0), *((a.before, a.needed_after) for a in axes), (0, 0)]
    return pad(e, x, pads, fill), schema.Padding.VALID


def pad(e: Emitter, x: int, pads: list[tuple[int, int]], fill: float = 0.0) -> int:
    """Emit PAD (zeros) or PADV2; `pads` has one (before, after) per axis."""
    tensor = e.program.tensors[x]
    shape = [
        size + before + after for size, (before, after) in zip(tensor.shape, pads, strict=True)
    ]
    result = e.new(shape, tensor.dtype.lower())
    amounts = e.constant(np.array(pads, np.int32))
    if fill == 0:
        return e.op("PAD", [x, amounts], [result], schema.PadOptionsT())
    value: Array = np.array([fill], tensor.dtype.lower())
    return e.op("PADV2", [x, amounts, e.constant(value)], [result], schema.PadV2OptionsT())
