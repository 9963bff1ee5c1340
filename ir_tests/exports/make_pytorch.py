"""Export two small PyTorch networks with both exporters: `python make_pytorch.py` in this folder.

Made with torch 2.13.0 and onnxscript 0.7.2. Weights are random but used (no zeros, no identity
batch norm), so an exporter's or a compiler's mistake shows in the numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).parent


class SqueezeExcite(nn.Module):
    """x * hard_sigmoid(W2 relu(W1 mean(x))), the mean over height and width."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 4, 1)
        self.expand = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = functional.adaptive_avg_pool2d(x, 1)
        return x * functional.hardsigmoid(self.expand(functional.relu(self.reduce(gate))))


class Cnn(nn.Module):
    """A stem, one inverted residual block with squeeze and excitation, and a head: 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16))
        self.block = nn.Sequential(
            *(nn.Conv2d(16, 48, 1, bias=False), nn.BatchNorm2d(48), nn.Hardswish()),
            *(nn.Conv2d(48, 48, 3, 1, 1, groups=48, bias=False), nn.BatchNorm2d(48)),
            *(SqueezeExcite(48), nn.Hardswish()),
            *(nn.Conv2d(48, 16, 1, bias=False), nn.BatchNorm2d(16)),
        )
        self.head = nn.Linear(16, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = functional.hardswish(self.stem(image))
        x = x + self.block(x)
        return self.head(functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Block(nn.Module):
    """Pre-norm transformer block with a padding mask: 4 heads of 16, sequence by tokens."""

    def __init__(self, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.expand_mask = heads, False
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = tokens.shape
        qkv = self.qkv(self.norm1(tokens)).reshape(batch, length, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        visible = mask[:, None, None, :].bool()
        if self.expand_mask:  # ONNX Runtime 1.32 does not broadcast the mask of Attention
            visible = visible.expand(batch, 1, length, length)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=visible)
        x = tokens + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm2(x))


def randomized(module: nn.Module) -> nn.Module:
    """Give batch norms statistics and every scale and bias a value that matters."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean, 0, 0.3)
            nn.init.uniform_(part.running_var, 0.5, 2)
        if isinstance(part, (nn.BatchNorm2d, nn.LayerNorm)):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.3)
    return module.eval()


def store(name: str, module: nn.Module, feeds: dict[str, Tensor]) -> None:
    """Write NAME.npz: the inputs, and `expected`, which PyTorch computed."""
    with torch.no_grad():
        expected = module(*feeds.values())
    arrays = {key: value.numpy() for key, value in feeds.items()}
    np.savez_compressed(HERE / f"{name}.npz", **arrays, expected=expected.numpy())


def without_traces(file: str) -> None:
    """Remove what both exporters say about the Python lines a node came from; keep its scope."""
    proto = onnx.load(file)
    for node in proto.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key == "namespace"]
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
        node.metadata_props.extend(kept)
    onnx.save(proto, file)


def main() -> None:
    torch.manual_seed(0)
    cnn, block = randomized(Cnn()), randomized(Block())
    image = {"image": torch.randn(1, 3, 32, 32)}
    mask = torch.ones(1, 12, dtype=torch.int64)
    mask[:, 9:] = 0
    text = {"tokens": torch.randn(1, 12, 64), "mask": mask}
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=512)
    modern = {"dynamo": True, "external_data": False, "output_names": ["output"]}
    legacy = {"dynamo": False, "do_constant_folding": True, "output_names": ["output"]}
    exports = {
        "pytorch_dynamo_cnn": (cnn, image, modern | {"opset_version": 20}),
        "pytorch_dynamo_block": (block, text, modern | {"opset_version": 23}),
        "pytorch_dynamo_block_dynamic": (
            block,
            text,
            modern
            | {
                "opset_version": 20,
                "dynamic_shapes": ({0: batch, 1: length}, {0: batch, 1: length}),
            },
        ),
        "pytorch_torchscript_cnn": (
            cnn,
            image,
            legacy | {"opset_version": 17, "dynamic_axes": {"image": {0: "batch"}}},
        ),
        "pytorch_torchscript_block": (block, text, legacy | {"opset_version": 17}),
    }
    for name, (module, feeds, options) in exports.items():
        file = str(HERE / f"{name}.onnx")
        block.expand_mask = options["opset_version"] == 23
        with torch.no_grad():
            torch.onnx.export(
                module, tuple(feeds.values()), file, input_names=list(feeds), **options
            )
        without_traces(file)
        store(name, module, feeds)


if __name__ == "__main__":
    main()
