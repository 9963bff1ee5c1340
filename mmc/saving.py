"""Write a model as ONNX that ONNX Runtime loads; large weights go to one file beside it."""

from __future__ import annotations

import os
from pathlib import Path

import onnx_ir as ir


def save(model: ir.Model, path: str | os.PathLike[str], *, external: bool | None = None) -> None:
    """Write `model` to `path`."""
    target = Path(path)
    data = target.name + ".data" if external else None
    ir.save(model, target, external_data=data)
