"""Compiles as a user would ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import onnx.parser
from onnx import numpy_helper

import mmc
from mmc.files import write_npz
from mmc.ir import Array, Model, save
from mmc.result import CompileResult


def compile_on(
    folder: Path, model: Model, samples: Mapping[str, Array], **options: Any
) -> CompileResult:
    """Compile to TFLite, calibrated on samples along axis 0; all files are in the folder."""
    save(model, folder / "m.onnx")
    write_npz(folder / "d.npz", samples)
    given = {"output": folder / "m.tflite", "calibration": folder / "d.npz", **options}
    return mmc.compile(folder / "m.onnx", **given)


def operators_for_hexagon(
    text: str, constants: Mapping[str, Array], folder: Path, **options: Any
) -> dict[str, int]:
    """Compile to folder/m.tflite without a warning; return the operators and how often each is."""
    model = onnx.parser.parse_model(text)
    model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in constants.items())
    onnx.save(model, folder / "m.onnx")
    out = folder / "m.tflite"
    result = mmc.compile(folder / "m.onnx", target="hexagon_v73", output=out, **options)
    assert not [d for d in result.diagnostics if d.severity == "warning"]
    return result.ops
