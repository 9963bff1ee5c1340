"""Drawn models of as many nodes as asked for, each hard for another part of a compiler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
from networks import Network
from onnx import TensorProto, helper

CHANNELS, SIDE, GATES = 4, 4, 8
IMAGE = (1, CHANNELS, SIDE, SIDE)


class Drawing(Network):
    """Nodes and weights of a model; every method returns the name of a value."""

    def save(self, path: Path, given: tuple[int, ...], made: tuple[int, ...]) -> int:
        """Write the model from "x" to the last value, and return how many nodes it has."""
        last = self.nodes[-1].output[0]
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)]
        outputs = [helper.make_tensor_value_info(last, TensorProto.FLOAT, made)]
        graph = helper.make_graph(self.nodes, "drawn", inputs, outputs, self.weights)
        imports = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, ir_version=8, opset_imports=imports), path)
        return len(self.nodes)


def long_skips(path: Path, nodes: int) -> int:
    """Half of the convolutions make what the other half adds, last first: much lives long."""
    draw, x, kept = Drawing(), "x", list[str]()
    for _ in range(nodes // 4):
        x = draw.op("Relu", draw.op("Conv", x, draw.weight(CHANNELS, CHANNELS, 1, 1)))
        kept.append(x)
    while kept:
        y = draw.op("Conv", x, draw.weight(CHANNELS, CHANNELS, 1, 1))
        x = draw.op("Add", y, kept.pop())
    return draw.save(path, IMAGE, IMAGE)


def layouts(path: Path, nodes: int) -> int:
    """Blocks of ConvNeXt: a norm and layers of the last axis between transposes."""
    draw, x = Drawing(), "x"
    for _ in range(nodes // 8):
        y = draw.op("Conv", x, draw.weight(CHANNELS, 1, 3, 3), group=CHANNELS, pads=[1] * 4)
        y = draw.op("Transpose", y, perm=[0, 2, 3, 1])
        y = draw.op("LayerNormalization", y, draw.weight(CHANNELS), draw.weight(CHANNELS))
        y = draw.op("Relu", draw.op("MatMul", y, draw.weight(CHANNELS, 8)))
        y = draw.op("Transpose", draw.op("MatMul", y, draw.weight(8, CHANNELS)), perm=[0, 3, 1, 2])
        x = draw.op("Add", x, y)
    return draw.save(path, IMAGE, IMAGE)


def recurrent(path: Path, nodes: int) -> int:
    """One LSTM, whose steps become as many operators as asked for."""
    draw, steps = Drawing(), nodes // 13
    sizes = [(1, 4 * GATES, GATES)] * 2
    draw.op("LSTM", "x", *(draw.weight(*size) for size in sizes), hidden_size=GATES)
    draw.save(path, (steps, 1, GATES), (steps, 1, 1, GATES))
    return nodes


FAMILIES: dict[str, Callable[[Path, int], int]] = {
    "long skips": long_skips,
    "layouts": layouts,
    "recurrent, unrolled": recurrent,
}
