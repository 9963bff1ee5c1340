"""A compile on samples, as a user would ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import mmc
from mmc.ir import Array, Model, save
from mmc.result import CompileResult


def compile_on(
    folder: Path, model: Model, samples: Mapping[str, Array], **options: Any
) -> CompileResult:
    """Compile to TFLite, calibrated on samples along axis 0; all files are in the folder."""
    save(model, folder / "m.onnx")
    np.savez(folder / "d.npz", allow_pickle=False, **samples)
    given = {"output": folder / "m.tflite", "calibration": folder / "d.npz", **options}
    return mmc.compile(folder / "m.onnx", **given)
