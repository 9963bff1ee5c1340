"""Models of 16-bit floats are computed in float32, and agree with ONNX Runtime's float16."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx_ir import Tensor, serde, tensor

import mmc
from mmc.compiler import compile_model
from mmc.instruments import Verify
from mmc.ir import Array, Model, dtype_of, load, parse, save
from mmc.pass_manager import PassManager
from mmc.passes.widen_floats import WidenFloats

HEAD = '<ir_version: 10, opset_import: ["" : 21]> g '


def half(*shape: int, seed: int = 0) -> Array:
    made: Array = np.random.default_rng(seed).standard_normal(shape).astype(np.float16) / 4
    return made


NETWORK = """(float16[1,3,8,8] x) => (float16[1,4] y) {
    a = Conv <pads = [1,1,1,1]> (x, w, b)  r = Relu(a)  p = GlobalAveragePool(r)  f = Flatten(p)
    y = Gemm(f, v, b) }"""
FRAMED = NETWORK.replace("float16[1,4] y", "float[1,4] z").replace(
    "y = Gemm(f, v, b)", "y = Gemm(f, v, b)  z = Cast <to = 1> (y)"
)
NORMED = """(float16[1,5,4] x) => (float16[1,5,4] y) {
    a = MatMul(x, v)  s = Softmax <axis = -1> (a)  l = LayerNormalization <axis = -1> (s, b, b)
    e = Erf(l)  k = ConstantOfShape <value = float16[1] {2}> (n)  y = Mul(e, k) }"""
CONSTANTS = {"w": half(4, 3, 3, 3), "b": half(4), "v": half(4, 4), "n": np.array([1, 5, 1])}


def network(text: str) -> Model:
    used = {name: array for name, array in CONSTANTS.items() if f"{name})" in text or name in "wbv"}
    return parse(HEAD + text, **{n: a for n, a in used.items() if n != "w" or "w" in text})


@pytest.mark.parametrize("target", ["cpu", "ane_ios16", "ane_ios18"])
@pytest.mark.parametrize("text", [NETWORK, FRAMED, NORMED])
def test_half_precision_models_agree(text: str, target: str, tmp_path: Path) -> None:
    save(network(text), tmp_path / "m.onnx")
    artifact = tmp_path / ("m.tflite" if target == "cpu" else "m.mlpackage")
    result = compile_model(tmp_path / "m.onnx", target, artifact)
    assert result.verification is not None
    assert result.verification.passed


def test_double_precision_is_computed_in_single(tmp_path: Path) -> None:
    text = "(double[2,4] x) => (double[2,4] y) { a = Gemm(x, v, b)  y = Tanh(a) }"
    model = parse(HEAD + text, v=half(4, 4).astype(np.float64), b=half(4).astype(np.float64))
    save(model, tmp_path / "m.onnx")
    result = compile_model(tmp_path / "m.onnx", "cpu", tmp_path / "m.tflite")
    assert result.verification is not None
    assert result.verification.passed


def test_brain_floats_inside_a_model(tmp_path: Path) -> None:
    text = """(float[2,4] x) => (float[2,4] y) {
        a = Cast <to = 16> (x)  w = Cast <to = 16> (v)  m = MatMul(a, w)  y = Cast <to = 1> (m) }"""
    save(parse(HEAD + text, v=half(4, 4)), tmp_path / "m.onnx")
    result = compile_model(tmp_path / "m.onnx", "cpu", tmp_path / "m.tflite")
    assert result.verification is not None
    assert result.verification.passed


def test_stored_halves_stay() -> None:
    model = parse(
        HEAD + "(float[2,4] x) => (float[2,4] y) { w = Cast <to = 1> (v)  y = MatMul(x, w) }",
        v=half(4, 4),
    )
    assert PassManager([WidenFloats()], [Verify()]).run(model)[0].changes == 0


BRAIN = """(bfloat16[2,8] x) => (bfloat16[2,4] y) {
    d = Add(x, x)  f = Cast <to = 1> (d)  v = Cast <to = 1> (w)
    m = MatMul(f, v)  r = Cast <to = 16> (m)  y = Mul(r, two) }"""


@pytest.mark.parametrize("target", ["cpu", "ane_ios18"])
def test_bfloat16_models_have_a_float32_interface(target: str, tmp_path: Path) -> None:
    """ONNX Runtime cannot add in bfloat16, so the reference is the model as it was loaded."""
    w = half(8, 4).astype(ml_dtypes.bfloat16)
    proto = onnx.parser.parse_model(HEAD + BRAIN)
    for name, array in {"w": w, "two": np.array(2, ml_dtypes.bfloat16)}.items():
        proto.graph.initializer.append(serde.serialize_tensor(tensor(array, name=name)))
    onnx.save(proto, tmp_path / "m.onnx")
    model = load(tmp_path / "m.onnx")
    boundary = [*model.graph.inputs, *model.graph.outputs]
    assert [str(dtype_of(value)) for value in boundary] == ["float32", "float32"]
    assert str(dtype_of(model.graph.initializers["w"])) == "bfloat16"  # it is only cast
    artifact = tmp_path / ("m.tflite" if target == "cpu" else "m.mlpackage")
    result = compile_model(tmp_path / "m.onnx", target, artifact)
    assert result.verification is not None
    assert result.verification.passed
    assert result.verification.reference == "the original model as loaded by mmc"


def test_a_bfloat16_model_is_evaluated_as_it_was_loaded(tmp_path: Path) -> None:
    """ONNX Runtime has no such product; what is lost counts against the one in float32."""
    w = half(32, 16).astype(ml_dtypes.bfloat16)
    text = "(bfloat16[4,32] x) => (bfloat16[4,16] y) { y = MatMul(x, w) }"
    proto = onnx.parser.parse_model(HEAD + text)
    proto.graph.initializer.append(serde.serialize_tensor(tensor(w, name="w")))
    onnx.save(proto, tmp_path / "m.onnx")
    rng = np.random.default_rng(0)
    for name in ("c", "e"):
        np.savez(tmp_path / f"{name}.npz", x=rng.standard_normal((4, 4, 32)).astype(np.float32))
    result = mmc.compile(
        tmp_path / "m.onnx",
        target="cpu",
        output=tmp_path / "m.tflite",
        weights="int8",
        activations="int8",
        calibration=tmp_path / "c.npz",
        evaluation=tmp_path / "e.npz",
        metric="cosine",
    )
    assert result.evaluation is not None
    assert result.evaluation.original == pytest.approx(1)
    assert 0.99 < result.evaluation.artifact < 1


def test_large_weights_are_not_kept_beside_their_file() -> None:
    large = half(256, 256)
    model = parse(HEAD + "(float16[2,256] x) => (float16[2,256] y) { y = MatMul(x, w) }", w=large)
    WidenFloats().run(model)
    wide = next(v.const_value for v in model.graph.initializers.values() if v.shape == (256, 256))
    assert wide is not None
    assert not isinstance(wide, Tensor)
    assert np.array_equal(wide.numpy(), large.astype(np.float32))
    assert wide.numpy() is not wide.numpy()
