"""Networks that devices were measured with and that are small to write down, as ONNX models.

Their latencies are in hexagon_more.csv (Qualcomm AI Hub v0.46.1, BSD-3-Clause; float and integer,
.tflite, or QNN for w8a16). The structures are those of the papers; batch normalization is folded,
and weights are random, as costs depend on shapes only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


@dataclass
class Network:
    """Writes down nodes; every method returns the name of a result."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"n{name}", **attributes))
        return name

    def weight(self, *shape: int) -> str:
        """Add a weight."""
        name = f"w{len(self.weights)}"
        scale = 1 / np.sqrt(np.prod(shape[1:]))
        data = (scale * self.random.standard_normal(shape)).astype(np.float32)
        self.weights.append(numpy_helper.from_array(data, name))
        return name

    def conv(
        self,
        x: str,
        channels: int,
        made: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        act: str = "Relu",
    ) -> str:
        """Add a convolution with bias and activation ("": none, "Silu": x * sigmoid(x))."""
        weight = self.weight(made, channels // groups, kernel, kernel)
        sizes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2}
        pads = [kernel // 2] * 4
        y = self.op("Conv", x, weight, self.weight(made), **sizes, pads=pads, group=groups)
        if act == "Silu":
            return self.op("Mul", y, self.op("Sigmoid", y))
        return self.op(act, y) if act else y

    def pool(self, x: str, kernel: int, stride: int, pad: int = 0, ceil: int = 0) -> str:
        """Add a maximum pool."""
        sizes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2}
        return self.op("MaxPool", x, **sizes, pads=[pad] * 4, ceil_mode=ceil)

    def classes(self, x: str, channels: int, made: int = 1000) -> str:
        """Add the mean over positions and a dense layer."""
        flat = self.op("Flatten", self.op("GlobalAveragePool", x))
        return self.op("Gemm", flat, self.weight(made, channels), self.weight(made), transB=1)

    def model(self, output: str, shape: tuple[int, ...]) -> onnx.ModelProto:
        """Return the model of input "x"."""
        kind = onnx.TensorProto.FLOAT
        x = helper.make_tensor_value_info("x", kind, shape)
        y = helper.make_tensor_value_info(output, kind, None)
        graph = helper.make_graph(self.nodes, "network", [x], [y], self.weights)
        opset = helper.make_opsetid("", 17)
        return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def googlenet() -> onnx.ModelProto:
    """Szegedy et al. 2014, as in torchvision."""
    n = Network()
    x = n.pool(n.conv("x", 3, 64, 7, 2), 3, 2, ceil=1)
    x = n.pool(n.conv(n.conv(x, 64, 64), 64, 192, 3), 3, 2, ceil=1)
    c = 192
    blocks = [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)]
    blocks += [(192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64)]
    blocks += [(112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128)]
    blocks += [(256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)]
    for place, (a, b1, b2, c1, c2, d) in enumerate(blocks):
        if place in (2, 7):
            x = n.pool(x, 3 if place == 2 else 2, 2, ceil=1)
        branches = n.conv(x, c, a), n.conv(n.conv(x, c, b1), b1, b2, 3)
        more = n.conv(n.conv(x, c, c1), c1, c2, 3), n.conv(n.pool(x, 3, 1, 1), c, d)
        x, c = n.op("Concat", *branches, *more, axis=1), a + b2 + c2 + d
    return n.model(n.classes(x, c), (1, 3, 224, 224))


def resnext50() -> onnx.ModelProto:
    """Xie et al. 2017, 32 groups of 4 channels."""
    n = Network()
    x, c = n.pool(n.conv("x", 3, 64, 7, 2), 3, 2, 1), 64
    for stage, (blocks, width, made) in enumerate(
        [(3, 128, 256), (4, 256, 512), (6, 512, 1024), (3, 1024, 2048)]
    ):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = n.conv(n.conv(x, c, width), width, width, 3, stride, 32)
            short = x if block else n.conv(x, c, made, 1, stride, act="")
            x, c = n.op("Relu", n.op("Add", n.conv(y, width, made, act=""), short)), made
    return n.model(n.classes(x, c), (1, 3, 224, 224))


def mnasnet05() -> onnx.ModelProto:
    """Tan et al. 2019 at half the width, as in torchvision."""
    n = Network()
    x, c = n.conv("x", 3, 16, 3, 2), 16
    x, c = n.conv(n.conv(x, 16, 16, 3, 1, 16), 16, 8, act=""), 8
    stages = [(16, 3, 2, 3, 3), (24, 5, 2, 3, 3), (40, 5, 2, 6, 3)]
    stages += [(48, 3, 1, 6, 2), (96, 5, 2, 6, 4), (160, 3, 1, 6, 1)]
    for made, kernel, stride, expand, blocks in stages:
        for block in range(blocks):
            step, wide = (1 if block else stride), c * expand
            y = n.conv(n.conv(x, c, wide), wide, wide, kernel, step, wide)
            y = n.conv(y, wide, made, act="")
            x, c = (n.op("Add", x, y) if block else y), made
    return n.model(n.classes(n.conv(x, c, 1280), 1280), (1, 3, 224, 224))


def efficientnet_v2_s() -> onnx.ModelProto:
    """Tan and Le 2021."""
    n = Network()
    x, c = n.conv("x", 3, 24, 3, 2, act="Silu"), 24
    stages = [(True, 1, 1, 24, 2), (True, 4, 2, 48, 4), (True, 4, 2, 64, 4)]
    stages += [(False, 4, 2, 128, 6), (False, 6, 1, 160, 9), (False, 6, 2, 256, 15)]
    for fused, expand, stride, made, blocks in stages:
        for block in range(blocks):
            step, wide = (1 if block else stride), c * expand
            if fused and expand == 1:
                y = n.conv(x, c, made, 3, step, act="Silu")
            elif fused:
                y = n.conv(n.conv(x, c, wide, 3, step, act="Silu"), wide, made, act="")
            else:
                y = n.conv(n.conv(x, c, wide, act="Silu"), wide, wide, 3, step, wide, "Silu")
                gate = n.conv(n.op("GlobalAveragePool", y), wide, c // 4, act="Silu")
                gate = n.op("Sigmoid", n.conv(gate, c // 4, wide, act=""))
                y = n.conv(n.op("Mul", y, gate), wide, made, act="")
            x, c = (n.op("Add", x, y) if step == 1 and c == made else y), made
    return n.model(n.classes(n.conv(x, c, 1280, act="Silu"), 1280), (1, 3, 224, 224))


def yamnet() -> onnx.ModelProto:
    """A MobileNet (Howard et al. 2017) on spectrograms of 96 × 64, with 521 classes."""
    n = Network()
    x, c = n.conv("x", 1, 32, 3, 2), 32
    layers = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    for made, stride in [*layers, *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        x, c = n.conv(n.conv(x, c, c, 3, stride, c), c, made), made
    return n.model(n.op("Sigmoid", n.classes(x, c, 521)), (1, 1, 96, 64))


def quicksrnetsmall() -> onnx.ModelProto:
    """Berger et al. 2023: four times the sides of an image of 128 × 128."""
    n = Network()
    x = n.conv("x", 3, 32, 3)
    x = n.conv(n.conv(n.conv(x, 32, 32, 3), 32, 32, 3), 32, 48, 3)
    return n.model(n.op("DepthToSpace", x, blocksize=4, mode="CRD"), (1, 3, 128, 128))


NETWORKS: dict[str, Callable[[], onnx.ModelProto]] = {
    made.__name__: made
    for made in (googlenet, resnext50, mnasnet05, efficientnet_v2_s, yamnet, quicksrnetsmall)
}
