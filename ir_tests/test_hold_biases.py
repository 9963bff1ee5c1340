"""Biases beside 16-bit activations: as Hexagon adds them, and by how much less they are off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmc.backends.tflite.emulator import emulate
from mmc.backends.tflite.flatbuffer import write
from mmc.backends.tflite.lower import lower
from mmc.integers.integer_ops import INTEGER
from mmc.ir import Array, Model, constant, parse, print_ir
from mmc.opset import DOMAIN, require
from mmc.passes.hold_biases import HoldBiases
from mmc.shapes import infer

TEXT = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[4,8] x) => (float[4,6] y) {{
        xq = QuantizeLinear (x, step, zero)
        xd = DequantizeLinear (xq, step, zero)
        wd = DequantizeLinear <axis = 0> (codes, scale)
        t = Gemm <transB = 1> (xd, wd{bias})
        yq = QuantizeLinear (t, made, zero)
        y = DequantizeLinear (yq, made, zero) }}"""
UPPER = 256
STEP, MADE = np.float32(2.0**-10), np.float32(2.0**-9)
SCALE = np.array([2, 1, 1, 16, 1, 4], np.float32) * np.float32(2.0**-6)
UNIT = UPPER * STEP * SCALE.astype(np.float64)
BIAS = np.array([0.4, 1.6, -1.7, 0.3, 100.7, -0.1], np.float32) * UNIT.astype(np.float32)
"""In units that the NPU adds in."""
EMPTY = 3
"""The channel without weights."""


def layer(kind: type = np.int16, bias: Array | None = BIAS, text: str = TEXT) -> Model:
    codes = np.random.default_rng(0).integers(-127, 128, (6, 8)).astype(np.int8)
    codes[EMPTY] = 0
    arrays = {"step": STEP, "made": MADE, "zero": kind(0), "codes": codes, "scale": SCALE}
    arrays |= {} if bias is None else {"bias": bias}
    model = parse(text.format(bias="" if bias is None else ", bias"), **arrays)
    infer(model)
    for node in model.graph:
        if node.op_type == "Gemm":
            node.domain, node.op_type = DOMAIN, "Linear"
            node.attributes.clear()
            node.metadata_props[INTEGER] = "16"
    require(model, "Linear")
    return model


def inputs_of_layer(model: Model) -> tuple[Array, Array, Array]:
    """Return the weight's codes and scales, and the bias."""
    node = next(n for n in model.graph if n.op_type == "Linear")
    weight = node.inputs[1]
    assert weight is not None
    maker = weight.producer()
    assert maker is not None
    codes, scale, bias = map(constant, (*maker.inputs[:2], node.inputs[2]))
    assert codes is not None
    assert scale is not None
    assert bias is not None
    return codes, scale, bias


def test_biases_become_what_is_added() -> None:
    model = layer()
    text = print_ir(model)
    assert HoldBiases().run(model) == 1
    assert print_ir(model) == text  # digests are not shown: no node, type or name is another
    codes, scale, bias = inputs_of_layer(model)
    assert np.array_equal(codes, inputs_of_layer(layer())[0])
    expected = np.array([0, 2 + 1 / 32, -1.5, 0.3, 101 + 1 / 32, 0])
    assert bias / UNIT == pytest.approx(expected, rel=1e-5)
    assert np.delete(scale, EMPTY) == pytest.approx(np.delete(SCALE, EMPTY), rel=0)
    assert scale[EMPTY] == pytest.approx(0.3 * UNIT[EMPTY] / STEP / 2**20)
    assert HoldBiases().run(model) == 0


@pytest.mark.parametrize("largest", [2.0**12, 2.0**18, 2.0**24])
def test_a_second_run_changes_nothing(largest: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        bias = (rng.uniform(-largest, largest, 6) * SCALE * STEP * rng.uniform(0, 1)).astype("f")
        model = layer(bias=bias)
        HoldBiases().run(model)
        assert HoldBiases().run(model) == 0


@pytest.mark.parametrize(
    ("kind", "bias"), [(np.int8, BIAS), (np.int16, None), (np.int16, np.zeros(6, np.float32))]
)
def test_others_are_left(kind: type, bias: Array | None) -> None:
    model = layer(kind, bias)
    before = print_ir(model, digests=True)
    assert HoldBiases().run(model) == 0
    assert print_ir(model, digests=True) == before


def test_a_weight_that_two_layers_read_keeps_its_scale() -> None:
    text = TEXT.replace("yq =", "u = Gemm <transB = 1> (xd, wd) z = Add(t, u) yq =").replace(
        "(t, m", "(z, m"
    )
    model = layer(text=text)
    assert HoldBiases().run(model) == 1
    _, scale, bias = inputs_of_layer(model)
    assert np.array_equal(scale, SCALE)
    assert bias[EMPTY] == 0  # 0.3 of a unit


def added(x: Array, codes: Array, bias: Array) -> Array:
    """Return the sums as the NPU makes them, in units of 256 products of codes."""
    upper, lower = (x.astype(np.int64) + 32768) >> 8, (x.astype(np.int64) + 32768) & 255
    wide = codes.astype(np.int64)
    sums = upper @ wide.T - 128 * wide.sum(axis=1)
    return sums + ((lower @ wide.T) >> 8) + np.trunc(bias / UPPER)


@pytest.mark.vendor
@pytest.mark.parametrize("held", [False, True])
def test_the_npu_adds_halves_apart(held: bool, tmp_path: Path) -> None:
    """The formula, on Qualcomm's emulator: no code is another."""
    model = layer()
    if held:
        HoldBiases().run(model)
    codes, scale, bias = inputs_of_layer(model)
    program = lower(model, npu=True)
    program.operators = [op for op in program.operators if op.code == "FULLY_CONNECTED"]
    (only,) = program.operators
    program.inputs, program.outputs = [("x", only.inputs[0])], [("y", only.outputs[0])]
    write(program, tmp_path / "m.tflite")
    x = np.random.default_rng(2).integers(-4096, 4096, (4, 8)).astype(np.int16)
    found = emulate(tmp_path / "m.tflite", {"x": x}, "v73").outputs["y"]
    unit = STEP * scale.astype(np.float64)
    sums = added(x, codes, np.rint(bias / unit)) * UPPER * unit
    expected = np.clip(np.rint(sums / MADE), -32768, 32767)
    assert found.dtype == np.int16
    assert np.array_equal(found, expected)
    lost = BIAS[EMPTY] / MADE - found[:, EMPTY]
    assert (np.abs(lost) < 0.51).all() == held
