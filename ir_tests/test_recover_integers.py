"""Integers of models that arrived quantized: found again, and shipped as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

import golden_models as golden
import mmc
from mmc.backends.base import load_backend
from mmc.backends.tflite.reader import read
from mmc.cli import main
from mmc.compiler import to_program
from mmc.integers.stored_weights import stored_weights
from mmc.ir import Array, Model, constant, load, parse, print_ir, save
from mmc.options import CompileOptions
from mmc.pass_manager import PassManager
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.fold_constants import FoldConstants
from mmc.passes.recover_integers import RecoverIntegers
from mmc.quant.recovery import PIECE, recover
from mmc.result import CompileResult
from mmc.shapes import infer
from mmc.target import load_target
from mmc.values import ARRIVED_QUANTIZED
from mmc.verification.evaluate import compare, run_model

VISION = Path(golden.__file__).parent / "onnx" / "digits_vqa_vision.onnx"
SHAPES = {"image": (1, 1, 28, 56)}


def drawn(seed: int, low: int, high: int, rows: int, columns: int) -> Array:
    return np.random.default_rng(seed).integers(low, high + 1, (rows, columns))


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([(-127, 127), (-128, 127), (-7, 7), (-2, 1), (-1, 1)]),
    st.integers(1, 6),
    st.integers(8, 200),
    st.floats(1e-6, 1e3),
)
def test_weights_on_a_grid_are_its_integers(
    seed: int, span: tuple[int, int], rows: int, columns: int, scale: float
) -> None:
    codes = drawn(seed, *span, rows, columns)
    steps = np.random.default_rng(seed).uniform(0.5, 2, (rows, 1)).astype(np.float32)
    weight = codes.astype(np.float32) * (steps * np.float32(scale))
    weight *= np.float32(1.7)  # a factor that was folded in
    found = recover(weight)
    assert found is not None
    made = (found.codes - found.zero[:, None]) * found.scale[:, None].astype(np.float64)
    np.testing.assert_allclose(made, weight, rtol=2e-6, atol=0)
    common = np.gcd.reduce(codes, axis=1)  # a row of even codes is one of half of them
    plain = found.codes - found.zero[:, None]
    assert np.array_equal(plain * np.maximum(common, 1)[:, None], codes)


def test_codes_with_a_zero_point_stay_bytes() -> None:
    codes, zero = drawn(0, 0, 255, 5, 300), drawn(1, 90, 200, 5, 1)
    found = recover(((codes - zero) * np.float32(0.01)).astype(np.float32))
    assert found is not None
    assert found.codes.min() >= 0
    assert found.codes.max() <= 255
    assert np.array_equal(found.codes - found.zero[:, None], codes - zero)


@pytest.mark.parametrize("last", [0, 128])
def test_large_weights_are_looked_at_in_pieces_and_have_one_kind_of_zero(last: int) -> None:
    codes = drawn(1, -100, 100, 2 * PIECE // 512 + 3, 512)
    codes[-1, :2] = last, last - 1
    weight = codes * np.random.default_rng(1).uniform(0.5, 2, (len(codes), 1))
    found = recover(weight.astype(np.float32))
    assert found is not None
    assert np.array_equal(found.codes - found.zero[:, None], codes)
    assert found.zero.any() == (last == 128)
    weight[-1, -1] *= 1.001
    assert recover(weight.astype(np.float32)) is None


def test_what_is_read_piece_by_piece_may_go_piece_by_piece() -> None:
    codes = np.tile(np.arange(-64, 64, dtype=np.int16), (5 * PIECE // 256, 1))
    pieces: list[None] = []
    found = recover(np.float32(0.5) * codes, lambda: pieces.append(None))
    assert found is not None
    assert np.array_equal(found.codes, codes)
    assert len(pieces) == 3


def test_infinity_in_the_last_piece_is_on_no_grid() -> None:
    rows = np.tile(np.arange(-64, 64, dtype=np.float32), (5 * PIECE // 256, 1))
    rows[-1, -1] = np.inf
    assert recover(rows) is None


@pytest.mark.parametrize("columns", [8, 9, 64, 1000])
def test_other_weights_are_on_no_grid(columns: int) -> None:
    weight = np.random.default_rng(0).standard_normal((50, columns)).astype(np.float32)
    for row in weight:
        assert recover(row[None]) is None
    assert recover(weight.astype(np.float16).astype(np.float32)) is None
    assert recover(np.ones((4, 3), np.float32)) is None, "any three numbers may lie on a grid"


def test_a_row_of_zeros_is_no_obstacle() -> None:
    codes = drawn(3, -127, 127, 4, 32)
    codes[2] = 0
    found = recover(codes * np.float32(0.3))
    assert found is not None
    assert np.array_equal(found.codes, codes)


@pytest.mark.parametrize("unsigned", [False, True])
def test_the_model_says_the_same_afterwards(unsigned: bool) -> None:
    codes = drawn(4, 0, 255, 48, 64) if unsigned else drawn(4, -127, 127, 48, 64)
    weight = (codes - 100 * unsigned).astype(np.float32) * np.float32(0.011)
    text = """<ir_version: 13, opset_import: ["" : 25]>
        g (float[3,64] x) => (float[3,48] y) { y = MatMul (x, w) }"""
    model = parse(text, w=np.ascontiguousarray(weight.T))
    infer(model)
    assert RecoverIntegers().run(model) == 0, "only where weights arrived as integers"
    model.metadata_props[ARRIVED_QUANTIZED] = "node"
    x = np.random.default_rng(5).standard_normal((3, 64)).astype(np.float32)
    before = run_model(model, {"x": x})["y"]
    assert RecoverIntegers().run(model) == 1
    assert [(w.bits, w.method, w.error) for w in stored_weights(model)] == [(8, "arrived", 0)]
    np.testing.assert_allclose(run_model(model, {"x": x})["y"], before, rtol=1e-5, atol=1e-4)
    assert RecoverIntegers().run(model) == 0


def test_a_quantized_model_ships_its_own_integers(tmp_path: Path) -> None:
    q = tmp_path / "q.onnx"
    given = ["--weights", "int4", "--input-shape", "image:1,1,28,56", "--quiet"]
    assert main(["quantize", str(VISION), *given, "-o", str(q)]) == 0
    known = {
        (array.size, np.sort(array.astype(np.int8).reshape(-1)).tobytes())
        for node in load(q).graph
        if node.op_type == "DequantizeLinear" and (array := constant(node.inputs[0])) is not None
    }
    target = load_target("ane_ios18")
    options = CompileOptions(input_shapes=SHAPES)
    model, _ = to_program(
        CompileResult(q, q, target), load_backend(target.backend)(target, options), options, ()
    )
    found = {
        (array.size, np.sort(array.astype(np.int8).reshape(-1)).tobytes())
        for node in model.graph
        if node.op_type == "DequantizeLinear" and (array := constant(node.inputs[0])) is not None
    }
    assert len(found) > 10
    assert found <= known


WEIGHT_ONLY_TEXT = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[3,64] x) => (float[3,48] z) {
        f = Cast <to = 1> (codes)
        w = Mul (f, scale)
        y = MatMul (x, w)
        z = Relu (y)
    }"""


def weight_only(folder: Path, low: int = -127, text: str = WEIGHT_ONLY_TEXT) -> tuple[Path, Array]:
    """Write a model whose weight is Cast and Mul of bytes; return it and the bytes."""
    codes = drawn(7, low, 127, 64, 48).astype(np.int8)
    codes[:2] = [[low], [127]]
    scale = np.random.default_rng(8).uniform(0.001, 0.01, (1, 48)).astype(np.float32)
    source = folder / "weight_only.onnx"
    save(parse(text, codes=codes, scale=scale), source)
    return source, codes


def rounded_where_read(folder: Path) -> tuple[Path, Array]:
    """Write a model as training leaves it: a float weight that is rounded; return it and codes."""
    _, codes = weight_only(folder)
    rng = np.random.default_rng(5)
    scale = rng.uniform(0.001, 0.01, 48).astype(np.float32)
    floats = ((codes + rng.uniform(-0.4, 0.4, codes.shape)) * scale).astype(np.float32)
    text = """<ir_version: 13, opset_import: ["" : 25]>
        g (float[3,64] x) => (float[3,48] z) {
            q = QuantizeLinear <axis = 1> (floats, scale, zero)
            w = DequantizeLinear <axis = 1> (q, scale, zero)
            y = MatMul (x, w)
            z = Relu (y)
        }"""
    given = {"floats": floats, "scale": scale, "zero": np.zeros(48, np.int8)}
    save(parse(text, **given), folder / "rounded.onnx")
    return folder / "rounded.onnx", codes


def folded(source: Path) -> Model:
    model = load(source)
    PassManager([FoldConstants(), EliminateDeadCode()]).run(model)
    return model


def test_cast_and_scale_become_a_weight_of_the_same_codes(tmp_path: Path) -> None:
    source, codes = weight_only(tmp_path)
    model = folded(source)
    assert RecoverIntegers(symmetric=True, release=True).run(model) == 1
    PassManager([EliminateDeadCode()]).run(model)
    assert (
        print_ir(model)
        == """\
%0: float[3,64] = input
@0: int8[64,48] = const
@1: float[48] = const
%1: float[64,48] = DequantizeLinear(@0, @1) axis=1
%2: float[3,48] = MatMul(%0, %1)
%3: float[3,48] = Relu(%2)
return %3
"""
    )
    (weight,) = (n for n in model.graph if n.op_type == "DequantizeLinear")
    assert np.array_equal(constant(weight.inputs[0]), codes)
    x = {"x": np.random.default_rng(9).standard_normal((3, 64)).astype(np.float32)}
    expected = run_model(load(source), x)["z"]
    np.testing.assert_allclose(run_model(model, x)["z"], expected, rtol=1e-5, atol=1e-5)
    assert ARRIVED_QUANTIZED not in model.metadata_props, "its activations may be quantized"
    assert RecoverIntegers(symmetric=True, release=True).run(model) == 0


@pytest.mark.parametrize("form", ["below the grid", "activations"])
def test_what_integer_kernels_do_not_take_stays_float(form: str, tmp_path: Path) -> None:
    quantized = """
        q = QuantizeLinear (x, one)
        d = DequantizeLinear (q, one)
        y = MatMul (d, w)"""
    text = WEIGHT_ONLY_TEXT.replace("y = MatMul (x, w)", quantized)
    text = text.replace("f = Cast", "one = Constant <value = float {0.05}> ()\n f = Cast")
    plain = form == "below the grid"
    source, _ = weight_only(tmp_path, *((-128,) if plain else (-127, text)))
    model = folded(source)
    before = print_ir(model)
    assert RecoverIntegers(symmetric=True, release=True).run(model) == 0
    assert print_ir(model) == before
    assert (ARRIVED_QUANTIZED in model.metadata_props) == (not plain)


@pytest.mark.parametrize("form", [weight_only, rounded_where_read])
@pytest.mark.parametrize("activations", ["int8", "int16"])
def test_activations_of_a_weight_only_model_become_integers(
    activations: str, form: Callable[[Path], tuple[Path, Array]], tmp_path: Path
) -> None:
    source, codes = form(tmp_path)
    x = np.random.default_rng(3).standard_normal((8, 3, 64)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x)
    given = {"weights": "int8", "activations": activations}
    result = mmc.compile(
        source,
        target="hexagon_v73",
        output=tmp_path / "m.tflite",
        calibration=str(tmp_path / "data.npz"),
        **given,
    )
    assert [d.code for d in result.diagnostics] == ["MMC304"]
    program = read(result.artifact)
    (op,) = (op for op in program.operators if op.code == "FULLY_CONNECTED")
    source_of, weight = (program.tensors[i] for i in op.inputs[:2])
    assert source_of.dtype == activations.upper()
    assert np.array_equal(weight.data, codes.T)


def test_a_weight_that_is_too_large_to_fold_keeps_its_codes_in_onnx(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    codes = rng.integers(-127, 128, (512, 256)).astype(np.int8)
    scale = rng.uniform(0.001, 0.01, (1, 256)).astype(np.float32)
    text = WEIGHT_ONLY_TEXT.replace("3,64", "3,512").replace("3,48", "3,256")
    save(parse(text, codes=codes, scale=scale), tmp_path / "m.onnx")
    x = rng.standard_normal((8, 3, 512)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x)
    given = ["--weights", "int8", "--activations", "int8", "--calibration"]
    q = tmp_path / "q.onnx"
    command = ["quantize", str(tmp_path / "m.onnx"), *given, str(tmp_path / "data.npz")]
    assert main([*command, "--quiet", "-o", str(q)]) == 0
    proto = onnx.load(q)
    held = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
    assert any(np.array_equal(a, codes) for a in held.values())
    assert "QuantizeLinear" in {node.op_type for node in proto.graph.node}
    (expected,) = mmc.run(tmp_path / "m.onnx", {"x": x[0]}).values()
    (found,) = mmc.run(q, {"x": x[0]}).values()
    assert compare("z", expected, found).sqnr_db > 30


def test_integer_weights_of_a_cpu_artifact_are_those_that_arrived(tmp_path: Path) -> None:
    source, codes = weight_only(tmp_path)
    result = mmc.compile(source, target="cpu", output=tmp_path / "m.tflite", weights="int8")
    program = read(result.artifact)
    assert any(t.dtype == "INT8" and np.array_equal(t.data, codes.T) for t in program.tensors)
