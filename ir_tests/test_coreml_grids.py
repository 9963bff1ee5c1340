"""Quantized activations in Core ML: two operators from iOS 17 on, four before."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ir_tests.coreml_oracle import operations, reread
from mmc.compiler import compile_model
from mmc.ir import Array, parse, save
from mmc.options import CompileOptions

RNG = np.random.default_rng(3)
TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,4,6,6] x) => (float[1,5,4,4] y) {
    q = QuantizeLinear<axis = 1>(x, step, zero)
    d = DequantizeLinear<axis = 1>(q, step, zero)
    c = Conv(d, w)
    r = Tanh(c)
    qr = QuantizeLinear(r, step2, zero2)
    y = DequantizeLinear(qr, step2, zero2)
}"""


def package(target: str, folder: Path, precision: str = "float32", **changed: Array) -> Counter:
    """Compile a convolution between two grids; it must verify; return its operators."""
    given: dict[str, Array] = {
        "step": np.array(0.03, np.float32),
        "zero": np.array(7, np.int8),
        "step2": np.array(0.02, np.float32),
        "zero2": np.array(3, np.uint8),
        "w": RNG.standard_normal((5, 4, 3, 3)).astype(np.float32),
    }
    save(parse(TEXT, **{**given, **changed}), folder / "m.onnx")
    path = folder / "m.mlpackage"
    result = compile_model(folder / "m.onnx", target, path, CompileOptions(precision=precision))
    assert result.verification is not None
    assert result.verification.passed
    return Counter(op.op_type for op in operations(reread(path)))  # coremltools agrees with types


@pytest.mark.parametrize("target", ["ane_ios17", "ane_ios18"])
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_grid_is_quantize_and_dequantize(target: str, precision: str, tmp_path: Path) -> None:
    found = package(target, tmp_path, precision)
    assert found["quantize"] == found["dequantize"] == 2
    assert found["round"] == found["clip"] == 0


def test_older_systems_round_and_clip(tmp_path: Path) -> None:
    found = package("ane_ios16", tmp_path)
    assert found["quantize"] == 0
    assert found["round"] == found["clip"] == found["real_div"] == 2
    assert found["add"] == 0, "bounds move instead of the codes"


def test_steps_a_channel_and_wider_codes_are_arithmetic(tmp_path: Path) -> None:
    steps = {"step": np.full(4, 0.03, np.float32), "zero": np.zeros(4, np.int8)}
    assert package("ane_ios18", tmp_path, **steps)["quantize"] == 1
    wide = {"step2": np.array(0.001, np.float32), "zero2": np.array(9, np.uint16)}
    assert package("ane_ios18", tmp_path, **wide)["quantize"] == 1
