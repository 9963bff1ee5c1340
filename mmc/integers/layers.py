"""The layers of a model that have weights: which axis is the output channel, which class they are.

Known are the standard operators and the mmc ones, so the same code serves every backend's form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import prod

import numpy as np

from mmc.ir import Array, Graph, Node, Value, attrs, constant, is_static, shape_of
from mmc.opset import DOMAIN, split_activation
from mmc.values import tensor_digest

ROOT, LAST = 0, -1
AXES: dict[tuple[str, str], int] = {
    ("", "Conv"): 0,
    ("", "ConvTranspose"): 1,
    ("", "MatMul"): 1,
    ("", "Gemm"): 1,
    ("", "Gather"): 0,
    ("", "LSTM"): 1,
    ("", "GRU"): 1,
    ("", "RNN"): 1,
    (DOMAIN, "Conv2d"): 0,
    (DOMAIN, "DepthwiseConv2d"): 3,
    (DOMAIN, "ConvTranspose2d"): 0,
    (DOMAIN, "Linear"): 0,
}
"""Operator -> the axis of its weight that is the output channel (of an embedding: the row)."""
PLACES = {"Gather": (0,), "LSTM": (1, 2), "GRU": (1, 2), "RNN": (1, 2)}
"""Operator -> which inputs are weights, where not the second alone; of recurrent ones W and R."""

POINTWISE = frozenset(
    "Relu Clip Sigmoid Softmax LogSoftmax Tanh Reshape Squeeze Unsqueeze Flatten Transpose Identity"
    " ArgMax TopK Cast".split()
)
"""What may follow a classification head."""


class LayerClass(StrEnum):
    """What a layer is for, as recipes name it."""

    BODY = "body"
    FIRST = "first"
    HEAD = "head"
    DEPTHWISE = "depthwise"
    GATE = "gate"  # squeeze and excite: computed on one pixel, multiplied onto all
    EMBEDDING = "embedding"


@dataclass(frozen=True)
class Layer:
    """A node with a constant float weight."""

    node: Node
    place: int
    axis: int
    kind: LayerClass

    @property
    def value(self) -> Value:
        """The weight's value."""
        found = self.node.inputs[self.place]
        assert found is not None
        return found

    @property
    def op(self) -> str:
        """The operator without its fused activation."""
        return base_of(self.node)[1]

    def rows(self, weight: Array) -> Array:
        """Return the weight as (channels, everything else)."""
        return np.moveaxis(weight, self.axis, 0).reshape(weight.shape[self.axis], -1)

    def back(self, rows: Array, shape: tuple[int, ...]) -> Array:
        """Return rows (channels, everything else) in the weight's own shape: inverse of `rows`."""
        moved = (shape[self.axis], *(s for a, s in enumerate(shape) if a != self.axis))
        return np.ascontiguousarray(np.moveaxis(rows.reshape(moved), 0, self.axis))


def base_of(node: Node) -> tuple[str, str]:
    """Return domain and operator without a fused activation."""
    op_type = split_activation(node.op_type)[0] if node.domain == DOMAIN else node.op_type
    return node.domain, op_type


def channel_axis(node: Node) -> int:
    """Return which axis of what a layer reads and makes its channels are."""
    rank = len(shape_of(node.outputs[0]))
    return 1 if base_of(node) in (("", "Conv"), ("", "ConvTranspose")) else rank - 1


def layers_of(graph: Graph) -> list[Layer]:
    """Return the layers with float32 weights, in graph order."""
    found = [
        (node, place, axis)
        for node in graph
        for place in weight_places(node)
        if (axis := weight_axis(node, place)) is not None
    ]
    above = _weighted_above(graph, {node for node, *_ in found})
    return [Layer(node, place, axis, classify(node, node in above)) for node, place, axis in found]


def weight_places(node: Node) -> tuple[int, ...]:
    """Return which inputs are weights; none where the operator has none."""
    return PLACES.get(node.op_type, (1,)) if base_of(node) in AXES else ()


def weight_axis(node: Node, place: int) -> int | None:
    """Return the output channel's axis of a weight; None if it is no constant of float32."""
    axis, weight = AXES[base_of(node)], node.inputs[place]
    if constant(weight) is None or weight is None or weight.dtype is None or not is_static(weight):
        return None
    if weight.dtype.numpy() != np.float32 or len(shape_of(weight)) < 2:
        return None
    if base_of(node) in (("", "MatMul"), ("", "Gather")) and len(shape_of(weight)) != 2:
        return None
    if node.op_type == "Gather" and attrs(node)["axis"] != 0:
        return None
    if base_of(node) == ("", "Gemm"):
        return 0 if attrs(node)["transB"] else 1
    return axis


def _weighted_above(graph: Graph, weighted: set[Node]) -> set[Node]:
    """Return the weighted nodes that some weighted node comes before."""
    below: set[Value] = set()
    found = set()
    for node in graph:
        if any(v in below for v in node.inputs if v is not None):
            found.add(node)
            below.update(node.outputs)
        elif node in weighted:
            below.update(node.outputs)
    return found & weighted


def classify(node: Node, has_layers_above: bool) -> LayerClass:
    """Return the class of a weighted node."""
    op = base_of(node)[1]
    if op == "Gather":
        return LayerClass.EMBEDDING
    if is_depthwise(node):
        return LayerClass.DEPTHWISE
    if not has_layers_above:
        return LayerClass.FIRST
    if ends_the_model(node):
        return LayerClass.HEAD
    return LayerClass.GATE if is_gate(node) else LayerClass.BODY


def is_depthwise(node: Node) -> bool:
    """Say whether every channel has a filter of its own."""
    if node.op_type == "Conv":
        return attrs(node).get("group", 1) > 1 and shape_of(node.inputs[1])[1] == 1
    return base_of(node)[1] == "DepthwiseConv2d"


def is_pointwise(node: Node) -> bool:
    """Say whether a channels-last convolution is a linear layer: 1 × 1, on every position."""
    if base_of(node) != (DOMAIN, "Conv2d"):
        return False
    (x, w, y), given = (shape_of(v) for v in (*node.inputs[:2], node.outputs[0])), attrs(node)
    alone = w[1:3] == (1, 1) and given.get("group", 1) == 1
    return alone and x[:3] == y[:3] and not any(given.get("pads") or ())


def ends_the_model(node: Node) -> bool:
    """Say whether nothing but pointwise steps lies between the node and an output of the model."""
    value = node.outputs[0]
    for _ in range(8):
        if value.is_graph_output():
            return True
        users = [use.node for use in value.uses()]
        if len(users) != 1 or not (bias_like(users[0]) or users[0].op_type in POINTWISE):
            return False
        value = users[0].outputs[0]
    return False


def bias_like(node: Node) -> bool:
    """Say whether a node adds or multiplies a constant."""
    return base_of(node)[1] in ("Add", "Mul", "Div", "Sub") and any(
        constant(v) is not None for v in node.inputs
    )


def is_gate(node: Node) -> bool:
    """Say whether a convolution sees a single pixel: the gate of a squeeze-and-excite block."""
    source, last = node.inputs[0], base_of(node)[1] == "Conv2d"
    if base_of(node)[1] not in ("Conv", "Conv2d") or source is None or not is_static(source):
        return False
    shape = shape_of(source)
    return prod(shape[1:-1] if last else shape[2:]) == 1


def unify(layers: list[Layer]) -> list[Layer]:
    """Let layers of one kind whose weights are equal read one value; return the layers.

    A loop that was unrolled has a copy of its weights a step, each of which would get codes.
    """
    alike: dict[tuple[object, ...], list[Layer]] = {}
    for layer in layers:
        alike.setdefault((layer.op, layer.axis, shape_of(layer.value)), []).append(layer)
    for some in alike.values():
        if len({layer.value for layer in some}) > 1:  # only what could be equal is read at all
            _read_one(some)
    return layers


def _read_one(layers: list[Layer]) -> None:
    first: dict[str, Value] = {}
    for layer in layers:
        held = layer.value.const_value
        assert held is not None
        same = first.setdefault(tensor_digest(held), layer.value)
        layer.node.replace_input_with(layer.place, same)


def shared(layers: list[Layer]) -> Iterator[list[Layer]]:
    """Yield the layers by weight: several where they share one."""
    groups: dict[Value, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(layer.value, []).append(layer)
    yield from groups.values()
