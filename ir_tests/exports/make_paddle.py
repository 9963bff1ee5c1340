"""Export a small PaddlePaddle network with paddle2onnx: `python make_paddle.py` in this folder.

Made with paddlepaddle 3.3.1 and paddle2onnx 2.1.0. `expected` is what PaddlePaddle computes.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional

HERE = Path(__file__).parent


class Cnn(nn.Layer):
    """The block of PP-LCNet with squeeze and excitation, upsampled and added: a tiny OCR neck."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2D(3, 16, 3, 2, 1, bias_attr=False), nn.BatchNorm2D(16), nn.Hardswish()
        )
        self.depthwise = nn.Sequential(
            nn.Conv2D(16, 16, 5, 2, 2, groups=16, bias_attr=False), nn.BatchNorm2D(16)
        )
        self.reduce, self.expand = nn.Conv2D(16, 4, 1), nn.Conv2D(4, 16, 1)
        self.mix, self.head = nn.Conv2D(16, 16, 1), nn.Linear(16, 5)

    def forward(self, image: paddle.Tensor) -> paddle.Tensor:
        fine = self.stem(image)
        x = functional.hardswish(self.depthwise(fine))
        gate = functional.relu(self.reduce(functional.adaptive_avg_pool2d(x, 1)))
        x = self.mix(x * functional.hardsigmoid(self.expand(gate)))
        x = fine + functional.interpolate(x, size=[16, 16], mode="nearest")
        x = functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return functional.softmax(self.head(x))


def randomize(layer: nn.Layer) -> None:
    """Give batch norms statistics that matter."""
    for part in layer.sublayers():
        if isinstance(part, nn.BatchNorm2D):
            part._mean.set_value(paddle.randn(part._mean.shape) * 0.3)
            part._variance.set_value(paddle.rand(part._variance.shape) + 0.5)
            part.weight.set_value(paddle.rand(part.weight.shape) + 0.5)
            part.bias.set_value(paddle.randn(part.bias.shape) * 0.3)


def main() -> None:
    paddle.seed(0)
    network = Cnn()
    randomize(network)
    network.eval()
    image = paddle.randn([1, 3, 32, 32])
    expected = network(image).numpy()
    os.chdir(HERE)  # paddle2onnx takes the file's stem
    for name, batch in (("paddle_cnn", 1), ("paddle_cnn_dynamic", None)):
        signature = [paddle.static.InputSpec([batch, 3, 32, 32], "float32", "image")]
        paddle.onnx.export(network, name, input_spec=signature, opset_version=17)
        np.savez_compressed(HERE / f"{name}.npz", image=image.numpy(), expected=expected)


if __name__ == "__main__":
    main()
