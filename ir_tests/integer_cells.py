"""Models of one integer operator each: one at least for every operator of the pass's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx_ir as ir

from ir_tests.arrays import normal
from ir_tests.lowering import single
from ir_tests.quantizing import WINDOW
from mmc.backends.tflite.emitter import LOWERINGS
from mmc.integers.integer_ops import BITS, FIXED, FREE, JOINED, SAME, WEIGHTED
from mmc.ir import Model
from mmc.opset import DOMAIN, OPS, split_activation

IMAGE = (1, 6, 6, 32)
POOL = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 0, 0]}
MAX, AVERAGE = {"dilations": [1, 1]}, {"dilations": [1, 1], "count_include_pad": 0}
DOUBLED = {**WINDOW, "group": 32}
UNEVEN = {**WINDOW, "pads": [0, 1, 1, 0]}


def conv(**window: object) -> Model:
    return single("Conv2d", IMAGE, normal(16, 3, 3, 32), normal(16), domain=DOMAIN, **window)


def resized(mode: str, transformation: str, nearest: str) -> Model:
    """Return a resize to 12 × 12."""
    size, given = np.array([12, 12]), {"mode": mode, "nearest_mode": nearest}
    given["coordinate_transformation_mode"] = transformation
    return single("Resize2d", IMAGE, size, domain=DOMAIN, **given)


def split() -> Model:
    """Return a split of which only one part is read."""
    model = single("Split", IMAGE, np.array([12, 20]), outputs=2, axis=3)
    model.graph.outputs.pop()
    return model


CELLS: dict[str, Callable[[], Model]] = {
    "Conv2d": lambda: conv(**WINDOW),
    "Conv2d padded": lambda: conv(**UNEVEN),
    "Conv2dRelu6": lambda: single(
        "Conv2dRelu6", IMAGE, normal(16, 3, 3, 32), normal(16), domain=DOMAIN, **WINDOW
    ),
    "DepthwiseConv2d": lambda: single(
        "DepthwiseConv2d", IMAGE, normal(1, 5, 5, 32), domain=DOMAIN, **{**WINDOW, "group": 32}
    ),
    "DepthwiseConv2d twice": lambda: single(
        "DepthwiseConv2d", IMAGE, normal(1, 3, 3, 64), normal(64), domain=DOMAIN, **DOUBLED
    ),
    "DepthwiseConv2dRelu6": lambda: single(
        "DepthwiseConv2dRelu6", IMAGE, normal(1, 3, 3, 32), domain=DOMAIN, **{**WINDOW, "group": 32}
    ),
    "Linear": lambda: single("Linear", (3, 7, 64), normal(48, 64), normal(48), domain=DOMAIN),
    "Linear no bias": lambda: single("Linear", (7, 64), normal(48, 64), domain=DOMAIN),
    "Add": lambda: single("Add", IMAGE, IMAGE),
    "Add constant": lambda: single("Add", IMAGE, normal(32)),
    "AddRelu": lambda: single("AddRelu", IMAGE, IMAGE, domain=DOMAIN),
    "AddRelu6": lambda: single("AddRelu6", IMAGE, IMAGE, domain=DOMAIN),
    "MulReluN1To1": lambda: single("MulReluN1To1", IMAGE, IMAGE, domain=DOMAIN),
    "Sub": lambda: single("Sub", IMAGE, (1, 1, 1, 32)),
    "Mul": lambda: single("Mul", IMAGE, IMAGE),
    "Mul constant": lambda: single("Mul", IMAGE, normal(1)),
    "ReduceMean": lambda: single("ReduceMean", IMAGE, np.array([1, 2]), keepdims=1),
    "Relu": lambda: single("Relu", IMAGE),
    "LeakyRelu": lambda: single("LeakyRelu", IMAGE, alpha=0.1),
    "HardSwish": lambda: single("HardSwish", IMAGE),
    "Gelu": lambda: single("Gelu", IMAGE),
    "Sigmoid": lambda: single("Sigmoid", IMAGE),
    "Tanh": lambda: single("Tanh", IMAGE),
    "Softmax": lambda: single("Softmax", (4, 32), axis=-1),
    "MatMul": lambda: single("MatMul", (2, 5, 64), (2, 64, 7)),
    "MatMulNT": lambda: single("MatMulNT", (2, 5, 64), (2, 7, 64), domain=DOMAIN),
    "MatMulTN": lambda: single("MatMulTN", (2, 64, 5), (2, 64, 7), domain=DOMAIN),
    "MatMulTT": lambda: single("MatMulTT", (2, 64, 5), (2, 7, 64), domain=DOMAIN),
    "Concat": lambda: single("Concat", IMAGE, (1, 6, 6, 4), axis=3),
    "Concat constant": lambda: single("Concat", IMAGE, normal(1, 6, 6, 4), axis=3),
    "Reshape": lambda: single("Reshape", IMAGE, np.array([36, 32])),
    "Squeeze": lambda: single("Squeeze", IMAGE, np.array([0])),
    "Unsqueeze": lambda: single("Unsqueeze", (6, 32), np.array([0])),
    "Flatten": lambda: single("Flatten", IMAGE, axis=1),
    "Transpose": lambda: single("Transpose", IMAGE, perm=[0, 3, 1, 2]),
    "Slice": lambda: single("Slice", IMAGE, *(np.array([n]) for n in (1, 5, 2))),
    "Split": split,
    "Resize2d": lambda: resized("nearest", "asymmetric", "floor"),
    "Resize2d between": lambda: resized("linear", "half_pixel", "round_prefer_floor"),
    "MaxPool2d": lambda: single("MaxPool2d", IMAGE, domain=DOMAIN, **POOL, **MAX),
    "AveragePool2d": lambda: single("AveragePool2d", IMAGE, domain=DOMAIN, **POOL, **AVERAGE),
    "DepthToSpace": lambda: single("DepthToSpace", IMAGE, domain=DOMAIN, blocksize=2),
    "SpaceToDepth": lambda: single("SpaceToDepth", IMAGE, domain=DOMAIN, blocksize=2),
}


def in_front(model: Model) -> Model:
    """Let a Relu make what the node reads: codes are for what integer kernels make."""
    graph = model.graph
    for value in graph.inputs:
        node = ir.node("Relu", [value])
        node.name, node.outputs[0].name = f"{value.name}.front", f"{value.name}.front"
        node.outputs[0].shape, node.outputs[0].type = value.shape, value.type
        for use in [*value.uses()]:
            if use.node is not node:
                use.node.replace_input_with(use.idx, node.outputs[0])
        graph.insert_before(graph[0], node)
    return model


def cells_of_the_tables() -> Iterator[tuple[str, int, int]]:
    """Yield (cell, bits of activations, bits of weights): all that the pass may mark."""
    for op in sorted(EMITTED):
        named = [name for name in CELLS if operator_of(name) == op]
        assert named, f"{op} has no cell"
        for bits in BITS.get(op, (8, 16)):
            yield from ((n, bits, w) for n in named for w in WEIGHTED.get(op, {}).get(bits, (8,)))


def operator_of(cell: str) -> str:
    """Return the operator without an activation."""
    return split_activation(cell.split()[0])[0]


EMITTED = {op for op in FREE | SAME | JOINED | {*FIXED} if op in OPS or op in LOWERINGS.ops()}
"""All of the tables but what only ONNX Runtime computes: convolutions with channels in front."""
