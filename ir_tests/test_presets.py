"""Every preset on every target: compiled, executed, and each layer has the bits it stands for."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import pytest

import mmc
from mmc.diagnostics import RecipeError
from mmc.integers.recipe import PRESETS
from mmc.ir import parse, save

TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,8,12,12] x) => (float[1,40] y) {
    a = Conv<pads = [1, 1, 1, 1]>(x, first)
    b = Relu(a)
    c = Conv<pads = [1, 1, 1, 1], group = 32>(b, depthwise)
    d = Relu(c)
    e = Conv(d, pointwise)
    f = Relu(e)
    p = GlobalAveragePool(f)
    q = Flatten(p)
    r = MatMul(q, body)
    s = Relu(r)
    y = MatMul(s, head)
}"""
SHAPES = {
    "first": (32, 8, 3, 3),
    "depthwise": (32, 1, 3, 3),
    "pointwise": (64, 32, 1, 1),
    "body": (64, 64),
    "head": (64, 40),
}
BITS = {
    "int8": (8, 8, 8, 8, 8),
    "int4": (8, 8, 4, 4, 8),
    "int2-experimental": (8, 8, 2, 2, 8),
    "guide": (2, 2, 2, 4, 8),
    "table4": (8, 8, 4, 4, 4),
}
"""Of every layer, in the order of SHAPES; `guide` has three convolutions that are early."""
WINDOWS = ("first", "depthwise")
"""Convolutions that have 8 bits on Hexagon, whatever is asked for."""
TARGETS = ("cpu", "hexagon_v73", "ane_ios18")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model and eight samples."""
    made, rng = tmp_path_factory.mktemp("presets"), np.random.default_rng(0)
    draw = {n: rng.standard_normal(s).astype(np.float32) / 8 for n, s in SHAPES.items()}
    save(parse(TEXT, **draw), made / "m.onnx")
    np.savez(made / "d.npz", x=rng.standard_normal((8, 1, 8, 12, 12)).astype(np.float32))
    return made / "m.onnx"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_on_a_target(preset: str, target: str, model: Path, tmp_path: Path) -> None:
    apple, npu = target.startswith("ane"), target.startswith("hexagon")
    given = {
        "target": target,
        "output": tmp_path / ("m.mlpackage" if apple else "m.tflite"),
        "recipe": preset,
        "calibration": model.parent / "d.npz",
        "activations": "int8" if npu else "float",
    }
    if preset == "table4" and not apple:
        with pytest.raises(RecipeError, match="MMC312"):
            mmc.compile(model, **given)  # type: ignore[arg-type]
        return
    result = mmc.compile(model, **given)  # type: ignore[arg-type]
    assert result.verification is not None
    assert result.verification.passed
    wanted = dict(zip(SHAPES, BITS[preset], strict=True))
    if npu:
        wanted |= dict.fromkeys(WINDOWS, 8)
    sizes = {prod(shape) * 4: name for name, shape in SHAPES.items()}
    assert {sizes[w.float_bytes]: w.bits for w in result.weights} == wanted
