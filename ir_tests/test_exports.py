"""What each exporter writes with the settings of docs/exporting compiles to the same numbers.

The exports are made by exports/make_*.py; `expected` in each .npz was computed by the framework
itself, so these tests see the exporter and mmc together.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import mmc
from mmc.ir import Array

HERE = Path(__file__).parent
EXPORTS = {file.stem: file for file in sorted((HERE / "exports").glob("*.onnx"))}
DOCS = HERE.parent / "docs" / "exporting"


def read(name: str) -> tuple[dict[str, Array], Array]:
    """Return the stored inputs and the framework's output."""
    with np.load(EXPORTS[name].with_suffix(".npz")) as arrays:
        feeds = {key: arrays[key] for key in arrays.files}
    return feeds, feeds.pop("expected")


def sqnr(wanted: Array, found: Array) -> float:
    """10 log10(signal / noise) in dB."""
    noise = float(np.square(wanted.astype(np.float64) - found).sum())
    return float("inf") if noise == 0 else 10 * np.log10(float(np.square(wanted).sum()) / noise)


@pytest.mark.parametrize("name", EXPORTS)
def test_export_computes_what_the_framework_computes(name: str) -> None:
    feeds, expected = read(name)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(EXPORTS[name], options, providers=["CPUExecutionProvider"])
    assert sqnr(expected, session.run(None, feeds)[0]) >= 80


@pytest.mark.parametrize("name", EXPORTS)
def test_export_compiles_and_agrees_with_the_framework(name: str, tmp_path: Path) -> None:
    feeds, expected = read(name)
    result = mmc.compile(
        EXPORTS[name],
        target="hexagon_v73",
        output=tmp_path / "out.tflite",
        input_shape={key: value.shape for key, value in feeds.items()},
        inputs=feeds,
    )
    (found,) = mmc.run(result.artifact, feeds).values()
    assert found.shape == expected.shape
    assert sqnr(expected, found) >= 80
    unwanted = {"SHAPE", "RANGE", "WHILE", "IF", "BATCH_MATMUL" if "cnn" in name else "SHAPE"}
    assert not unwanted & set(result.ops)


@pytest.mark.parametrize("name", [name for name in EXPORTS if "cnn" in name])
def test_cnn_needs_no_transpose(name: str, tmp_path: Path) -> None:
    """With an NHWC boundary nothing forces one but a flatten before the classifier."""
    feeds, _ = read(name)
    layout = "keep" if name.endswith("nhwc") else "nhwc"
    result = mmc.compile(
        EXPORTS[name],
        target="hexagon_v73",
        output=tmp_path / "out.tflite",
        input_shape={key: value.shape for key, value in feeds.items()},
        io_layout=layout,
        verify=False,
    )
    assert result.ops.get("TRANSPOSE", 0) == 0


@pytest.mark.parametrize("name", EXPORTS)
def test_export_is_small_and_names_no_machine(name: str) -> None:
    data = EXPORTS[name].read_bytes()
    assert len(data) < 200_000
    assert not re.search(rb'File "|\.py\b', data)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)


@pytest.mark.parametrize("name", EXPORTS)
def test_export_is_described(name: str) -> None:
    pages = "".join(page.read_text("utf-8") for page in DOCS.glob("*.md"))
    assert f"`{name}`" in pages
