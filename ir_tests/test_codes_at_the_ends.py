"""Inputs and outputs that are codes in the ONNX file, executed in LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.lowering import oracle
from ir_tests.own_grids import (
    HEAD,
    KINDS,
    WEIGHT,
    ZEROS,
    compiled,
    grid,
    model_of,
    types_of,
    weight,
)
from mmc.backends.tflite.backend import TfliteBackend
from mmc.ir import parse


def test_codes_are_given_and_taken_where_asked(tmp_path: Path) -> None:
    model, _ = model_of("conv", "uint8")
    result = compiled(model, tmp_path, io_dtype="int8")
    program = TfliteBackend.read(result.artifact)
    ends = [index for _, index in (*program.inputs, *program.outputs)]
    assert {program.tensors[i].dtype for i in ends} == {"INT8"}


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_codes_at_the_ends_stay_codes(kind: str, tmp_path: Path) -> None:
    text = f"{HEAD}g ({kind}[3,16] x) => ({kind}[3,8] y) {{ a = DequantizeLinear(x, s, z) {WEIGHT}"
    text += " y0 = Gemm<transB = 1>(a, k) y = QuantizeLinear(y0, o, z) }"
    numbers = {"s": np.float32(0.03), "o": np.float32(0.1), "z": KINDS[kind](ZEROS[kind])}
    model = parse(text, **weight(8, 16), **numbers)
    result = compiled(model, tmp_path, "hexagon_v73")
    assert {made for _, made in types_of(result)} <= {"INT8", "UINT8"}
    x = np.random.default_rng(0).integers(0, 100, (3, 16)).astype(KINDS[kind])
    expected = oracle(model, {"x": x})["y"].astype(int)
    actual = mmc.run(result.artifact, {"x": x})["y"]
    assert actual.dtype == KINDS[kind]
    assert np.abs(actual.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("other", ["DequantizeLinear(x, o, z)", "Cast<to = 1>(x)"])
def test_codes_that_are_read_in_two_ways_are_two_results(other: str, tmp_path: Path) -> None:
    """A tensor has one scale; what reads its codes otherwise is arithmetic."""
    text = f"{HEAD}g (uint8[3,16] x) => (float[3,8] y, float[3,16] t) {{"
    text += f" a = DequantizeLinear(x, s, z) {WEIGHT} y0 = Gemm<transB = 1>(a, k)"
    text += f" {grid('y', 'y0', 'o')} t = {other} }}"
    numbers = {"s": np.float32(0.03), "o": np.float32(0.1), "z": np.uint8(131)}
    model = parse(text, **weight(8, 16), **numbers)
    result = compiled(model, tmp_path)
    feeds = {"x": np.random.default_rng(0).integers(0, 256, (3, 16)).astype(np.uint8)}
    expected, actual = oracle(model, feeds), mmc.run(result.artifact, feeds)
    np.testing.assert_allclose(actual["t"], expected["t"], rtol=1e-6)
    assert np.abs(actual["y"] - expected["y"]).max() < 0.1 * 1.01
    assert ("FULLY_CONNECTED", "INT8") in types_of(result)
