"""Well-known architectures with random weights, as today's exporters write them:

    python benchmarks/exported.py FOLDER [NAME...]

needs torch, torchvision, timm, transformers and onnxscript, which mmc does not. Every model becomes
NAME.torchscript.onnx (opset 17) and NAME.dynamo.onnx (opset 20), for `benchmarks/optimizers.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TORCHVISION = ("resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_b0")
TORCHVISION += ("regnet_y_400mf", "convnext_tiny", "swin_t")
TIMM = {"vit_tiny_patch16_224": 64, "mobilevitv2_050": 64, "poolformer_s12": 64, "fastvit_t8": 64}
TIMM |= {"edgenext_xx_small": 64, "convnextv2_atto": 64, "xcit_nano_12_p16_224": 64}
TIMM |= {"levit_128s": 224, "tiny_vit_5m_224": 224, "efficientformerv2_s0": 224}
SMALL = {
    "vocab_size": 99,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 64,
}
TRANSFORMERS: dict[str, dict[str, int]] = {
    "Bert": SMALL,
    "Llama": {**SMALL, "num_key_value_heads": 2},
    "Qwen3": {**SMALL, "num_key_value_heads": 2, "head_dim": 16},
    "GPTNeoX": SMALL,
    "GPT2": {"vocab_size": 99, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 64},
}
EXPORTERS = {"torchscript": {"opset_version": 17, "dynamo": False}}
EXPORTERS["dynamo"] = {"opset_version": 20, "dynamo": True, "external_data": False}


def models() -> Iterator[tuple[str, Callable[[], tuple[Any, Any]]]]:
    """Yield names, and what makes a model and its input."""
    for name in TORCHVISION:
        yield name, lambda name=name: of_torchvision(name)
    for name, size in TIMM.items():
        yield name, lambda name=name, size=size: of_timm(name, size)
    for name, config in TRANSFORMERS.items():
        yield name.lower(), lambda name=name, config=config: of_transformers(name, config)


def of_torchvision(name: str) -> tuple[Any, Any]:
    """Return an image classifier of torchvision."""
    import torch
    import torchvision.models

    return getattr(torchvision.models, name)(weights=None), torch.randn(1, 3, 64, 64)


def of_timm(name: str, size: int) -> tuple[Any, Any]:
    """Return an image classifier of timm."""
    import timm
    import torch

    more = {"img_size": size} if name.startswith("vit") else {}
    return timm.create_model(name, **more), torch.randn(1, 3, size, size)


def of_transformers(name: str, config: dict[str, int]) -> tuple[Any, Any]:
    """Return a language model of transformers that gives its last hidden state."""
    import torch
    import transformers

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            made = getattr(transformers, f"{name}Config")(**config)
            self.model = getattr(transformers, f"{name}Model")(made)

        def forward(self, ids: Any) -> Any:
            more = {} if name == "Bert" else {"use_cache": False}
            return self.model(input_ids=ids, **more).last_hidden_state

    return States(), torch.randint(0, 90, (1, 16))


def main() -> None:
    """Export every model in both ways; what an exporter refuses is told."""
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True)
    for name, make in models():
        if args.names and name not in args.names:
            continue
        torch.manual_seed(1)
        model, given = make()
        for exporter, options in EXPORTERS.items():
            path = args.folder / f"{name}.{exporter}.onnx"
            try:
                torch.onnx.export(model.eval(), (given,), path, **options)
            except Exception as error:  # exporters raise types of their own
                print(f"{path.name}: {str(error).splitlines()[0]}", file=sys.stderr)


if __name__ == "__main__":
    main()
