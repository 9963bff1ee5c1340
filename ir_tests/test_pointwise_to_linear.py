"""Weights of 4 and 2 bits for Hexagon: only in linear layers, which 1 × 1 convolutions become."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmc
from mmc.backends.tflite.cells import cell
from mmc.backends.tflite.reader import read
from mmc.ir import Model, parse, save
from mmc.pass_manager import PassManager
from mmc.passes.fold_constants import FoldConstants
from mmc.passes.pointwise_to_linear import PointwiseToLinear
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.passes.to_nhwc import ToNhwc
from mmc.shapes import infer
from mmc.verification.evaluate import run_model

TEXT = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[1,8,6,6] x) => (float[1,4,3,3] y) {
        a = Conv <pads = [1, 1, 1, 1]> (x, first)
        b = Conv (a, narrow, bias)
        c = Relu (b)
        d = Conv <pads = [1, 1, 1, 1]> (c, wide)
        e = Conv (d, narrow2)
        f = Clip (e, zero, six)
        y = Conv <strides = [2, 2]> (f, last) }"""
RANDOM = np.random.default_rng(0)


def drawn(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32) * np.float32(0.3)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = parse(
        TEXT,
        first=drawn(32, 8, 3, 3),
        narrow=drawn(48, 32, 1, 1),
        bias=drawn(48),
        wide=drawn(32, 48, 3, 3),
        narrow2=drawn(40, 32, 1, 1),
        last=drawn(4, 40, 1, 1),
        zero=np.float32(0),
        six=np.float32(6),
    )
    folder = tmp_path_factory.mktemp("m")
    save(made, folder / "m.onnx")
    np.savez(folder / "data.npz", x=drawn(4, 8, 6, 6))
    return folder / "m.onnx"


@pytest.mark.parametrize("bits", [4, 2])
def test_narrow_weights_are_in_linear_layers_only(bits: int, model: Path) -> None:
    result = mmc.compile(
        model,
        target="hexagon_v73",
        output=model.with_suffix(".tflite"),
        weights=f"int{bits}",
        activations="int16",
        calibration=str(model.parent / "data.npz"),
    )  # the artifact's kernels agree with the final model in ONNX Runtime, or this raises
    assert not [d for d in result.diagnostics if d.severity != "note"]
    program = read(result.artifact)
    cells = {(op.code, cell(program, op)) for op in program.operators}
    assert ("FULLY_CONNECTED", f"s16 w=s{bits} pc") in cells
    assert {c for code, c in cells if code == "CONV_2D"} == {"s16 w=s8 pc"}
    # a small layer has twice the width
    assert {8, bits} <= {m.bits for m in result.weights} <= {8, bits, 2 * bits}


def channels_last(bits: int, group: int = 1) -> Model:
    """Return one 1 × 1 convolution of coded weights in the form that TFLite is written from."""
    text = """<ir_version: 13, opset_import: ["" : 25]>
        g (float[1,32,5,5] x) => (float[1,32,5,5] y) { y = Conv <group = @group> (x, w, b) }"""
    made = parse(text.replace("@group", str(group)), w=drawn(32, 32 // group, 1, 1), b=drawn(32))
    infer(made)
    quantize = QuantizeWeights(bits, sensitive_bits=bits)
    PassManager([ToNhwc(io_layout="nhwc"), FoldConstants(), quantize]).run(made)
    return made


@pytest.mark.parametrize(("bits", "changes"), [(8, 0), (4, 1), (2, 1)])
def test_the_values_stay(bits: int, changes: int) -> None:
    made = channels_last(bits)
    feeds = {"x": drawn(1, 5, 5, 32)}
    before = run_model(made, feeds)["y"]
    assert PassManager([PointwiseToLinear()]).run(made)[0].changes == changes
    np.testing.assert_allclose(run_model(made, feeds)["y"], before, rtol=1e-6, atol=1e-6)
    assert PointwiseToLinear().run(made) == 0


def test_groups_stay_a_convolution() -> None:
    assert PointwiseToLinear().run(channels_last(4, group=2)) == 0


def test_one_that_is_the_output_of_the_model(tmp_path: Path) -> None:
    text = """<ir_version: 13, opset_import: ["" : 25]>
        g (float[1,32,5,5] x) => (float[1,48,5,5] y) { a = Relu (x) y = Conv (a, w) }"""
    save(parse(text, w=drawn(48, 32, 1, 1)), tmp_path / "m.onnx")
    np.savez(tmp_path / "data.npz", x=drawn(4, 32, 5, 5))
    (tmp_path / "all.toml").write_text('weights = "int4"')
    result = mmc.compile(
        tmp_path / "m.onnx",
        target="hexagon_v73",
        output=tmp_path / "m.tflite",
        recipe=tmp_path / "all.toml",
        activations="int16",
        calibration=str(tmp_path / "data.npz"),
        io_layout="nhwc",
    )
    assert result.ops["FULLY_CONNECTED"] == 1
    assert [name for name, _ in read(result.artifact).outputs] == ["y"]
