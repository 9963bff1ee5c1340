"""Which activations share a scale, and which range their codes cover."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx_ir as ir

from mmc.integers.integer_ops import FIXED, JOINED, SAME, layer_of
from mmc.integers.integer_ranges import Needed, Range
from mmc.integers.layers import base_of
from mmc.ir import Node, Value, constant
from mmc.opset import split_activation
from mmc.quant.ranges import Affine, affine
from mmc.quant.statistics import Histogram

BOUNDED = ("Relu6", "ReluN1To1")
"""Activations that end at a number which kernels know as the end of the codes."""

Look = Callable[[Histogram], Range]


class Scales:
    """Which values share a scale, and which scale that is.

    Args:
        margin: how many times as far as asked for the codes reach.
        half: scales are stored as float16.
    """

    def __init__(self, bits: int, margin: float = 1.0, *, half: bool = False) -> None:
        self.bits, self.margin, self.half = bits, margin, half
        self.values: dict[Value, None] = {}
        self.parent: dict[Value, Value] = {}
        self.known: dict[Value, Affine] = {}
        self.constants: list[tuple[Value, float, float]] = []

    def none_yet(self) -> Scales:
        """Return scales of the same kind, of no values."""
        return Scales(self.bits, self.margin, half=self.half)

    def root(self, value: Value) -> Value:
        """Return what stands for all values that share the scale."""
        while (above := self.parent.setdefault(value, value)) is not value:
            self.parent[value] = self.parent[above]  # long ways are halved: Concats of Concats
            value = above
        return value

    def fixed(self, value: Value) -> Affine | None:
        """Return the scale, where a kernel dictates it."""
        return self.known.get(self.root(value))

    def of(self, value: Value) -> Affine:
        """Return the scale."""
        return self.known[self.root(value)]

    def tie(self, node: Node) -> None:
        """Take in a node: tie or fix the scales that its kernel wants so."""
        op = base_of(node)[1]
        read = activations(node)
        self.values.update(dict.fromkeys((*read, *node.outputs)))
        if op in FIXED:
            self.known[self.root(node.outputs[0])] = FIXED[op][self.bits]
        if op in SAME:
            for value in node.outputs:
                self.join(read[0], value)
        if op in JOINED:
            for value in read:
                if self.fixed(value) is None and self.fixed(node.outputs[0]) is None:
                    self.join(value, node.outputs[0])
            known = (constant(v) for v in node.inputs)
            joined = [array for array in known if array is not None and array.size]
            self.constants += [(node.outputs[0], float(a.min()), float(a.max())) for a in joined]

    def join(self, a: Value, b: Value) -> None:
        """Let two values share a scale; that of `a` wins."""
        self.parent[self.root(b)] = self.root(a)

    def merged(self, seen: Mapping[str, Histogram], how: Look) -> dict[Value, Range]:
        """Return the range that holds what `how` says of all who share a scale, by their root."""
        parts, needed = dict[Value, list[Range]](), Needed(seen)
        for value in reversed(self.values):
            found = seen.get(value.name or "")
            if found is not None:
                parts.setdefault(self.root(value), []).append(needed.within(how(found), value))
        for value, low, high in self.constants:
            parts.setdefault(self.root(value), []).append((low, high))
        return {
            root: (min(p[0] for p in some), max(p[1] for p in some)) for root, some in parts.items()
        }

    def choose(self, ranges: Mapping[Value, Range]) -> None:
        """Let the scales cover these ranges, where no kernel dictates them."""
        ending = {self.root(v) for v in self.values if ends(v)}
        for root, (low, high) in ranges.items():
            far = 1.0 if root in ending else self.margin
            self.known.setdefault(root, self.covering(far * low, far * high))

    def covering(self, low: float, high: float) -> Affine:
        """Return codes that cover a range."""
        return affine(low, high, self.bits, half=self.half)

    def members(self, root: Value) -> list[str]:
        """Return the names of the values that share a scale."""
        return [v.name or "" for v in self.values if self.root(v) is root]


def ends(value: Value) -> bool:
    """Say whether what makes a value has a largest result, whatever it reads."""
    maker = value.producer()
    return maker is not None and split_activation(maker.op_type)[1] in BOUNDED


def activations(node: Node) -> list[Value]:
    """Return the computed float inputs of a node."""
    places = node.inputs[:1] if layer_of(node) else node.inputs
    floats = [v for v in places if v is not None and v.dtype == ir.DataType.FLOAT]
    return [v for v in floats if constant(v) is None]
