"""Image networks drawn from names of steps that each have a layout to lose."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mmc.ir import Model, shape_of
from mmc.pattern import Builder
from mmc.shapes import infer, infer_node

STEPS = ["conv", "relu", "residual", "concat", "split", "pool", "squeeze-excite", "shuffle",
         "slice", "pad", "softmax", "row", "mean", "tokens", "resize", "fan-out"]  # fmt: skip


def draw_model(steps: list[str], seed: int) -> Model:
    """Build an image network from step names; every value is at most (2, 12, 12, 12)."""
    rng = np.random.default_rng(seed)
    x = ir.Value(name="x", shape=ir.Shape((2, 4, 6, 6)), type=ir.TensorType(ir.DataType.FLOAT))
    out, now, extra = Builder(), x, []
    for step in steps:
        now = _step(out, step, now, rng, extra)
        for node in out.tape.nodes:
            if node.outputs[0].type is None:
                infer_node(node)
    now.name = "y"
    for number, value in enumerate(extra):
        value.name = f"z{number}"
    outputs = list(dict.fromkeys([now, *extra]))
    for number, node in enumerate(out.tape.nodes):
        node.name = f"n{number}"
        for value in node.outputs:
            value.name = value.name or f"v{number}_{value.index()}"
    graph = ir.Graph([x], outputs, nodes=out.tape.nodes, name="g", opset_imports={"": 25})
    for value in out.tape.initializers:
        graph.register_initializer(value)
    model = Model(graph, ir_version=13)
    infer(model)
    return model


def _step(
    out: Builder, step: str, x: ir.Value, rng: np.random.Generator, extra: list[ir.Value]
) -> ir.Value:
    n, c, h, w = shape_of(x)
    kernel = rng.standard_normal((4, c, 3, 3)).astype(np.float32) / np.float32(3 * c**0.5)
    pads = np.array([0, 0, 1, 0, 0, 0, 0, 1])
    match step:
        case "conv":
            return out.Conv(x, kernel, pads=[1, 1, 1, 1], kernel_shape=[3, 3])
        case "residual":
            return out.Add(x, out.Conv(x, rng.standard_normal((c, c, 1, 1)).astype(np.float32)))
        case "concat" if c < 9:
            return out.Concat(x, out.Relu(x), axis=1)
        case "split" if c % 2 == 0:
            return out.Mul(*out.node("Split", [x, [c // 2, c // 2]], outputs=2, axis=1))
        case "pool" if h > 2 and w > 2:
            return out.MaxPool(x, kernel_shape=[2, 2], strides=[1, 1])
        case "squeeze-excite":
            return out.Mul(x, out.Sigmoid(out.ReduceMean(x, [2, 3])))
        case "shuffle" if c % 2 == 0:
            halves = out.Transpose(out.Reshape(x, [n, 2, c // 2, h, w]), perm=[0, 2, 1, 3, 4])
            return out.Reshape(halves, [n, c, h, w])
        case "slice" if h > 2:
            return out.Slice(x, [1], [h], [2])
        case "pad" if h < 12 and w < 11:
            return out.Pad(x, pads)
        case "softmax":
            last = out.Softmax(out.Transpose(x, perm=[0, 2, 3, 1]), axis=-1)
            return out.Transpose(last, perm=[0, 3, 1, 2])
        case "row":
            return out.Add(x, out.Relu(out.ReduceMax(x, [0, 1, 2], keepdims=0)))
        case "mean":
            return out.Sub(x, out.ReduceMean(x, [1]))
        case "tokens":
            tokens = out.Transpose(out.Reshape(x, [n, c, h * w]), perm=[0, 2, 1])
            mixed = out.MatMul(tokens, rng.standard_normal((c, c)).astype(np.float32))
            return out.Reshape(out.Transpose(mixed, perm=[0, 2, 1]), [n, c, h, w])
        case "resize" if h < 7 and w < 7:
            scales = np.array([1, 1, 2, 1], np.float32)
            return out.Resize(x, None, scales, coordinate_transformation_mode="asymmetric",
                              nearest_mode="floor", mode="nearest")  # fmt: skip
        case "fan-out":
            extra.append(out.Relu(x))
            return out.Neg(x)
    return out.Relu(x)
