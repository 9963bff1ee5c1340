"""`mmc quantize --activations`: standard ONNX that ONNX Runtime computes on integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import mmc
from mmc.cli import main
from mmc.integers.kept_float import DELICATE
from mmc.ir import Array, parse, save
from mmc.quant.metrics import sqnr_db

TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,8,12,12] x) => (float[1,20] y) {
    a = Conv<pads = [1, 1, 1, 1]>(x, w, b)
    r = Relu(a)
    d = Conv(r, e)
    p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(d)
    f = Flatten(p)
    h = MatMul(f, m)
    y = Gemm(h, v, c)
}"""
SHAPES = {
    "w": (16, 8, 3, 3),
    "b": (16,),
    "e": (16, 16, 3, 3),
    "m": (400, 32),
    "v": (32, 20),
    "c": (20,),
}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Write a model and data."""
    rng = np.random.default_rng(0)
    draw = {n: (rng.standard_normal(s) / 4).astype(np.float32) for n, s in SHAPES.items()}
    save(parse(TEXT, **draw), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=rng.standard_normal((32, 1, 8, 12, 12)).astype(np.float32))
    return tmp_path / "m.onnx", tmp_path / "d.npz"


def outputs(path: Path, x: Array) -> Array:
    """Return what ONNX Runtime makes of it, with all that its optimizer does."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


@pytest.mark.parametrize(("kind", "least"), [("int8", 25.0), ("int16", 35.0)])
def test_activations_are_codes(files: tuple[Path, Path], kind: str, least: float) -> None:
    """8 bits of six tensors in a row and of the weights leave 25 dB; 16 bits what weights leave."""
    model, data = files
    made = model.parent / "q.onnx"
    command = ["quantize", model, "--activations", kind, "--calibration", data, "-o", made]
    assert main([str(word) for word in command]) == 0
    proto = onnx.load(made)
    onnx.checker.check_model(proto, full_check=True)
    makers = {n.output[0]: n for n in proto.graph.node}
    for node in proto.graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm", "MaxPool"):
            read = [makers[name].op_type for name in node.input[:2] if name in makers]
            assert set(read) == {"DequantizeLinear"}
    x = np.random.default_rng(1).standard_normal((1, 8, 12, 12)).astype(np.float32)
    assert sqnr_db(outputs(model, x), outputs(made, x)) > least


def test_the_library_does_the_same(files: tuple[Path, Path]) -> None:
    model, data = files
    made = model.parent / "q.onnx"
    assert mmc.quantize(model, output=made, activations="int8", calibration=data) == 4
    kinds = [n.op_type for n in onnx.load(made).graph.node]
    assert kinds.count("QuantizeLinear") >= 5


def test_activations_need_data(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    model, _ = files
    out = str(model.parent / "q.onnx")
    assert main(["quantize", str(model), "--activations", "int8", "-o", out]) == 2
    assert "MMC305" in capsys.readouterr().err
    assert not Path(out).exists()


POOLED = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,8,12,12] x) => (float[1,16,5,5] y) {
    a = Conv<pads = [1, 1, 1, 1]>(x, w, b)
    p = AveragePool<kernel_shape = [2, 2], strides = [2, 2], dilations = [1, 1]>(a)
    y = Conv(p, e)
}"""


@pytest.mark.parametrize("kind", ["int8", "int16"])
def test_average_pools_load_with_all_that_the_optimizer_does(
    kind: str, files: tuple[Path, Path]
) -> None:
    """ONNX Runtime makes QLinearAveragePool of a quantized pool; that one knows no dilations."""
    rng = np.random.default_rng(0)
    shapes = {"w": (16, 8, 3, 3), "b": (16,), "e": (16, 16, 2, 2)}
    draw = {n: (rng.standard_normal(s) / 4).astype(np.float32) for n, s in shapes.items()}
    model, data = files
    save(parse(POOLED, **draw), model)
    made = model.parent / "q.onnx"
    mmc.quantize(model, output=made, activations=kind, calibration=data)
    x = np.load(data)["x"][0]
    assert sqnr_db(outputs(model, x), outputs(made, x)) > 25


@pytest.mark.parametrize("kind", ["int8", "int16"])
def test_inputs_far_from_noise_are_checked_on_what_they_were_calibrated_with(
    files: tuple[Path, Path], kind: str
) -> None:
    """Ranges of pictures in [0, 0.01] clip noise of size 1, which says nothing of a mistake."""
    model, _ = files
    rng = np.random.default_rng(2)
    x = (rng.random((8, 1, 8, 12, 12)) / 100).astype(np.float32)
    np.savez(model.parent / "small.npz", x=x)
    made = model.parent / "q.onnx"
    mmc.quantize(model, output=made, activations=kind, calibration=model.parent / "small.npz")
    assert sqnr_db(outputs(model, x[0]), outputs(made, x[0])) > 20


HALVES = """<ir_version: 10, opset_import: ["" : 21]>
g (float16[4,32] x) => (float16[4,16] y) {
    h = MatMul(x, m)
    r = Relu(h)
    y = MatMul(r, v)
}"""


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """Write a model that computes in float16, and data."""
    rng = np.random.default_rng(0)
    shapes = {"m": (32, 64), "v": (64, 16)}
    draw = {n: (rng.standard_normal(s) / 8).astype(np.float16) for n, s in shapes.items()}
    save(parse(HALVES, **draw), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=rng.standard_normal((8, 4, 32)).astype(np.float16))
    return tmp_path / "m.onnx"


@pytest.mark.parametrize(("kind", "least"), [("float", 35.0), ("int8", 25.0), ("int16", 35.0)])
def test_weights_of_half_precision_become_integers(halves: Path, kind: str, least: float) -> None:
    made, data = halves.parent / "q.onnx", halves.parent / "d.npz"
    assert mmc.quantize(halves, output=made, activations=kind, calibration=data) == 2
    kinds = {i.data_type for i in onnx.load(made).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    assert onnx.TensorProto.FLOAT16 not in kinds
    x = np.load(data)["x"][0]
    assert outputs(made, x).dtype == np.float16
    assert sqnr_db(outputs(halves, x).astype(np.float32), outputs(made, x)) > least


def test_layers_of_half_precision_are_measured(halves: Path) -> None:
    found = mmc.sensitivity(halves, calibration=halves.parent / "d.npz")
    assert [layer.name for layer in found.layers] == ["m", "v"]


def test_a_model_without_weights_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[2,3] x) => (float[2,3] y) { y = Exp(x) }"""
    save(parse(text), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=np.ones((2, 2, 3), np.float32))
    for command in ("quantize {m} -o {q}", "sensitivity {m} --calibration {d}"):
        paths = {"m": tmp_path / "m.onnx", "q": tmp_path / "q.onnx", "d": tmp_path / "d.npz"}
        assert main(command.format(**paths).split()) == 0
        assert "no layer has constant weights" in capsys.readouterr().out


def test_what_stays_float_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A root and a quotient have no codes, which are off by a large part of a small number."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[4,64] x) => (float[4,64] y) {
        a = MatMul(x, w) s = ReduceSumSquare(a) n = Sqrt(s) b = Div(a, n)
        y = MatMul(b, v) }"""
    rng = np.random.default_rng(0)
    drawn = {n: rng.standard_normal((64, 64)).astype(np.float32) / 8 for n in "wv"}
    save(parse(text, **drawn), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=rng.standard_normal((16, 4, 64)).astype(np.float32))
    command = ["quantize", tmp_path / "m.onnx", "--activations", "int8", "--calibration"]
    command += [tmp_path / "d.npz", "-o", tmp_path / "q.onnx"]
    assert main([str(word) for word in command]) == 0
    found = capsys.readouterr().out
    assert f"Sqrt 1, Div 1: {DELICATE}" in found
