"""float16 programs: what stays in float32, and by what bound inputs are judged that amplify it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ir_tests.lowering import single, sqnr
from mmc.backends.coreml.lower import lower
from mmc.backends.coreml.precision import wide_nodes
from mmc.backends.coreml.run import run
from mmc.backends.coreml.writer import write
from mmc.compiler import compile_model
from mmc.diagnostics import Severity, VerifyError
from mmc.ir import Array, Model, constant, load, parse, save
from mmc.options import CompileOptions
from mmc.shapes import infer
from mmc.verification.evaluate import run_model
from mmc.verification.execute import Run
from mmc.verification.inputs import draw_inputs
from mmc.verification.result import VerifyResult
from mmc.verification.trial import Subject, Trial
from mmc.verification.verify import judge

HEAD = '<ir_version: 13, opset_import: ["" : 25]>\n'


def model_of(text: str, **constants: Array) -> Model:
    """Return the model of ONNX text."""
    made = parse(HEAD + text, **constants)
    infer(made)
    return made


def in_half(model: Model, feeds: dict[str, Array], folder: Path) -> Array:
    """Return the output of a float16 package, every result rounded."""
    write(lower(model), folder / "m.mlpackage")
    (found,) = run(folder / "m.mlpackage", feeds, precision="float16").values()
    return found


VARIANCE = """g (float[2,64] x) => (float[2,1] y) {
    m = ReduceMean (x, axes)
    s = Mul (x, x)
    e = ReduceMean (s, axes)
    q = Mul (m, m)
    v = Sub (e, q)
    c = Relu (v)
    a = Add (c, epsilon)
    y = Sqrt (a)
}"""
SPECTRUM = """g (float[1,1,64] x) => (float[1,8,57] y) {
    c = Conv (x, w)
    n = ReduceL2 <keepdims = 1> (c, axes)
    s = Mul (c, n)
    p = Mul (s, s)
    a = Add (p, epsilon)
    y = Log (a)
}"""


def test_a_variance_that_cancels_is_computed_in_float32(tmp_path: Path) -> None:
    axes, epsilon = np.array([1], np.int64), np.array(1e-6, np.float32)
    model = model_of(VARIANCE, axes=axes, epsilon=epsilon)
    assert {n.op_type for n in wide_nodes(model)} == {
        *("ReduceMean", "Mul", "Sub", "Relu", "Add", "Sqrt")
    }
    x = np.random.default_rng(0).standard_normal((2, 64)).astype(np.float32) * 0.01 + 4
    x = x.astype(np.float16).astype(np.float32)
    (want,) = run_model(model, {"x": x}).values()
    assert sqnr(want, in_half(model, {"x": x}, tmp_path)) > 55


def test_other_differences_stay_in_float16() -> None:
    text = VARIANCE.replace("q = Mul (m, m)", "q = Mul (m, e)")
    model = model_of(text, axes=np.array([1]), epsilon=np.array(1e-6, np.float32))
    assert not wide_nodes(model)


def test_a_spectrum_is_computed_in_float32_from_its_samples(tmp_path: Path) -> None:
    weight = np.random.default_rng(1).standard_normal((8, 1, 8)).astype(np.float32)
    epsilon = np.array(1e-10, np.float32)
    model = model_of(SPECTRUM, w=weight, axes=np.array([1]), epsilon=epsilon)
    assert len(wide_nodes(model)) == 6
    x = np.random.default_rng(2).standard_normal((1, 1, 64)).astype(np.float32) * 1e-2
    (want,) = run_model(model, {"x": x}).values()
    assert sqnr(want, in_half(model, {"x": x}, tmp_path)) > 55


def test_a_logarithm_of_what_float16_cannot_hold_is_computed_in_float32(tmp_path: Path) -> None:
    text = "g (float[1,8] x) => (float[1,8] y) { m = Mul (x, c)  a = Add (m, one)  y = Log (a) }"
    model = model_of(text, c=np.array(2.0**20, np.float32), one=np.array(1, np.float32))
    assert {n.op_type for n in wide_nodes(model)} == {"Mul", "Add", "Log"}
    x = np.array([[1e-6, 1e-3, 0.06, 0.07, 0.5, 1, 2, 30]], np.float16).astype(np.float32)
    (want,) = run_model(model, {"x": x}).values()
    assert sqnr(want, in_half(model, {"x": x}, tmp_path)) > 60


def test_sums_of_integer_products_stay_within_float16(tmp_path: Path) -> None:
    text = """g (float[1,64] x) => (float[1,8] y) {
        q, s, z = DynamicQuantizeLinear (x)
        p = MatMulInteger (q, w, z)
        f = Cast <to = 1> (p)
        b = Mul (s, t)
        y = Mul (f, b)
    }"""
    weight = np.full((64, 8), 127, np.int8)
    model = model_of(text, w=weight, t=np.full(8, 0.01, np.float32))
    save(model, tmp_path / "m.onnx")
    x = np.abs(np.random.default_rng(6).standard_normal((1, 64))).astype(np.float32)
    options = CompileOptions(inputs={"x": x})
    result = compile_model(tmp_path / "m.onnx", "ane_ios18", tmp_path / "m.mlpackage", options)
    assert result.verification is not None
    assert result.verification.outputs[0].emission.sqnr_db > 40
    codes = np.rint(x / (x.max() / 255)).astype(np.int64)
    assert (codes @ weight).min() > 65504  # what the model sums as integers


def test_layers_of_a_float16_model_are_layers(tmp_path: Path) -> None:
    text = """g (float16[2,8] x) => (float16[2,5] y) {
        h = Gemm <transB = 1> (x, w, b)
        y = MatMul (h, v)
    }"""
    rng = np.random.default_rng(7)
    w, v = (rng.standard_normal(s).astype(np.float16) for s in ((4, 8), (4, 5)))
    save(model_of(text, w=w, v=v, b=np.ones(4, np.float16)), tmp_path / "m.onnx")
    result = compile_model(tmp_path / "m.onnx", "ane_ios18", tmp_path / "m.mlpackage")
    assert result.ops == {"linear": 2}
    assert result.verification is not None
    assert result.verification.outputs[0].emission.sqnr_db > 50


def test_a_tiny_number_keeps_a_divisor_from_zero(tmp_path: Path) -> None:
    text = "g (float[1,4] x, float[1,4] z) => (float[1,4] y) { a = Add (z, e)  y = Div (x, a) }"
    model = model_of(text, e=np.array(1e-12, np.float32))
    feeds = {"x": np.zeros((1, 4), np.float32), "z": np.zeros((1, 4), np.float32)}
    assert np.array_equal(in_half(model, feeds, tmp_path), feeds["x"])
    norm = single(
        "LayerNormalization", (2, 8), np.ones(8, np.float32), np.ones(8, np.float32), epsilon=1e-12
    )
    constant = {"x0": np.full((2, 8), 3, np.float32)}
    assert np.array_equal(in_half(norm, constant, tmp_path), np.ones((2, 8)))


def amplifying(path: Path) -> dict[str, Array]:
    """Write a softmax of scores near 200, of which it is the differences that count."""
    weight = 100 + np.random.default_rng(3).uniform(-1, 1, (2, 64)).astype(np.float32)
    text = "g (float[8,2] x) => (float[8,64] y) { s = MatMul (x, w)  y = Softmax (s) }"
    save(model_of(text, w=weight), path)
    return {"x": 1 + np.random.default_rng(4).uniform(0, 0.1, (8, 2)).astype(np.float32)}


def test_inputs_that_amplify_are_judged_by_the_floor_of_the_constants(tmp_path: Path) -> None:
    feeds = amplifying(tmp_path / "m.onnx")
    options = CompileOptions(inputs=feeds)
    result = compile_model(tmp_path / "m.onnx", "ane_ios18", tmp_path / "m.mlpackage", options)
    assert result.verification is not None
    assert [d.code for d in result.verification.diagnostics] == ["MMC419"]
    (output,) = result.verification.outputs
    assert output.floor_db - 10 < output.emission.sqnr_db < 40
    weight = constant(load(tmp_path / "m.onnx").graph.initializers["w"])
    assert weight is not None
    halved = model_of(
        "g (float[8,2] x) => (float[8,64] y) { s = MatMul (x, w)  y = Softmax (s) }",
        w=weight.astype(np.float16).astype(np.float32),
    )
    (want,), (rounded,) = (
        run_model(m, feeds).values() for m in (load(tmp_path / "m.onnx"), halved)
    )
    assert output.floor_db == pytest.approx(sqnr(want, rounded), abs=0.1)


def test_what_is_far_from_that_floor_is_an_error(tmp_path: Path) -> None:
    feeds = amplifying(tmp_path / "m.onnx")
    want = run_model(load(tmp_path / "m.onnx"), feeds)
    noise = np.random.default_rng(5).standard_normal(want["y"].shape) * want["y"] * 0.3
    made = Run({"y": (want["y"] + noise).astype(np.float32)}, 0.0, 0)
    path = tmp_path / "m.onnx"
    trial = Trial(Subject(path, path, path), feeds, want, [want], want, made)
    result = VerifyResult()
    judge(trial, load(path), CompileOptions(precision="float16"), result)
    assert [d.code for d in result.errors] == ["MMC410"]


def test_integers_that_a_range_is_compared_with_are_drawn_from_it() -> None:
    text = "g (int32[1,64,1] x) => (bool[1,64,257] y) { y = Equal (x, range) }"
    model = model_of(text, range=np.arange(257, dtype=np.int32).reshape(1, 1, 257))
    drawn = draw_inputs(model, 0)["x"]
    assert drawn.max() > 128
    assert drawn.max() < 257
    other = model_of(text.replace("257", "2"), range=np.array([[[3, 4]]], np.int32))
    assert draw_inputs(other, 0)["x"].max() <= 1


def test_constants_that_float16_has_not_are_a_warning(tmp_path: Path) -> None:
    text = "g (float[1,4] x) => (float[1,4] y) { a = Mul (x, near)  y = Sub (a, x) }"
    save(model_of(text, near=np.array(1.0001, np.float32)), tmp_path / "m.onnx")
    result = compile_model(
        tmp_path / "m.onnx", "ane_ios18", tmp_path / "m.mlpackage", CompileOptions()
    )
    assert result.verification is not None
    (found,) = result.verification.diagnostics
    assert (found.code, found.severity) == ("MMC419", Severity.WARNING)


def test_float16_is_blamed_for_what_float32_gives_right(tmp_path: Path) -> None:
    text = "g (float[1,4] x) => (float[1,4] y) { a = Mul (x, x)  y = Mul (a, two) }"
    save(model_of(text, two=np.array(2, np.float32)), tmp_path / "m.onnx")
    feeds = {"x": np.array([[1, 2, 3, 4]], np.float32) * np.float32(1e-5)}
    options = CompileOptions(inputs=feeds)
    with pytest.raises(VerifyError) as caught:
        compile_model(tmp_path / "m.onnx", "ane_ios18", tmp_path / "m.mlpackage", options)
    (error,) = caught.value.diagnostics
    assert error.code == "MMC410"
    assert "numbers up to 3.2e-09 are too small" in error.why
    assert "--precision float32" in error.fix
    options = CompileOptions(inputs=feeds, precision="float32")
    compile_model(tmp_path / "m.onnx", "ane_ios18", tmp_path / "m.mlpackage", options)


def test_the_operator_that_leaves_the_range_of_float16_is_named(tmp_path: Path) -> None:
    text = "g (float[1,4] x) => (float[1,4] y) { a = Mul (x, x)  b = Mul (a, a)  y = Div (b, b) }"
    save(model_of(text), tmp_path / "m.onnx")
    feeds = {"x": np.array([[1, 2, 3, 30]], np.float32)}
    options = CompileOptions(inputs=feeds)
    with pytest.raises(VerifyError) as caught:
        compile_model(tmp_path / "m.onnx", "ane_ios18", tmp_path / "m.mlpackage", options)
    (error,) = caught.value.diagnostics
    assert error.code == "MMC412"
    assert error.why == "mul 'b' has numbers up to 8.1e+05, float16 ends at 65504"


@pytest.mark.parametrize("coded", [False, True])
def test_a_layer_with_weights_beyond_float16_is_computed_in_float32(
    coded: bool, tmp_path: Path
) -> None:
    text = "g (float[2,8] x) => (float[2,4] y) { y = MatMul (x, w) }"
    w = np.full((8, 4), 127e4, np.float32)
    if coded:
        unpacked = "w = DequantizeLinear (codes, step)  y = MatMul (x, w)"
        codes, step = np.full((8, 4), 127, np.int8), np.float32(1e4)
        model = model_of(text.replace("y = MatMul (x, w)", unpacked), codes=codes, step=step)
    else:
        model = model_of(text, w=w)
    assert {n.op_type for n in wide_nodes(model)} == {"MatMul"}
    x = np.random.default_rng(0).standard_normal((2, 8)).astype(np.float32)
    np.testing.assert_allclose(in_half(model, {"x": x}, tmp_path), x @ w, rtol=1e-5, atol=10)


def test_a_mask_beyond_float16_is_added_in_float16() -> None:
    text = "g (float[2,8] x) => (float[2,8] y) { a = Add (x, mask)  y = Softmax (a) }"
    assert not wide_nodes(model_of(text, mask=np.full((2, 8), -1e9, np.float32)))
