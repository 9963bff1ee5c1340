"""Quantized ONNX models compile to float arithmetic that rounds as ONNX Runtime does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from lowering import run_both, single

from mmc.compiler import compile_model
from mmc.ir import Array, constant, parse, save
from mmc.options import CompileOptions
from mmc.pass_manager import PassManager
from mmc.passes.decompose import Decompose

RNG = np.random.default_rng(3)


def f(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def u8(*shape: int) -> Array:
    return RNG.integers(0, 256, shape).astype(np.uint8)


def i8(*shape: int) -> Array:
    return RNG.integers(-127, 128, shape).astype(np.int8)


ONE = {"sx": np.float32(0.02), "zx": np.uint8(128), "sy": np.float32(0.1), "zy": np.uint8(120)}
SCALES = np.array([0.01, 0.02, 0.03, 0.04], np.float32)
BODIES: dict[str, tuple[str, dict[str, Array]]] = {
    "qdq_conv": (
        """(float[1,3,8,8] x) => (float[1,4,8,8] y) {
            q = QuantizeLinear(x, sx, zx)  d = DequantizeLinear(q, sx, zx)
            k = DequantizeLinear <axis = 0> (w, sw, zw)  c = DequantizeLinear <axis = 0> (b, sb)
            t = Conv <pads = [1,1,1,1]> (d, k, c)  r = Relu(t)
            p = QuantizeLinear(r, sy, zy)  y = DequantizeLinear(p, sy, zy) }""",
        {
            "w": i8(4, 3, 3, 3),
            "sw": SCALES,
            "zw": np.zeros(4, np.int8),
            "sb": SCALES * 0.02,
            "b": RNG.integers(-500, 500, 4).astype(np.int32),
        },
    ),
    "q_linear_conv": (
        """(float[1,3,8,8] x) => (uint8[1,4,8,8] y) {
            q = QuantizeLinear(x, sx, zx)
            y = QLinearConv <pads = [1,1,1,1]> (q, sx, zx, w, sw, zw, sy, zy, b) }""",
        {
            "w": i8(4, 3, 3, 3),
            "sw": SCALES,
            "zw": np.zeros(4, np.int8),
            "b": RNG.integers(-500, 500, 4).astype(np.int32),
        },
    ),
    "q_linear_matmul": (
        """(float[5,16] x) => (float[5,4] y) {
            q = QuantizeLinear(x, sx, zx)
            p = QLinearMatMul (q, sx, zx, w, sw, zw, sy, zy)  y = DequantizeLinear(p, sy, zy) }""",
        {"w": u8(16, 4), "sw": np.float32(0.01), "zw": np.uint8(130)},
    ),
    "dynamic_matmul": (
        """(float[2,5,16] x) => (float[2,5,4] y) {
            q, s, z = DynamicQuantizeLinear(x)  p = MatMulInteger(q, w, z, zw)
            t = Cast <to = 1> (p)  r = Mul(s, sw)  m = Mul(t, r)  y = Add(m, b) }""",
        {"w": u8(16, 4), "sw": np.float32(0.01), "zw": np.uint8(130), "b": f(4)},
    ),
    "matmul_integer": (
        "(uint8[5,16] x) => (int32[5,4] y) { y = MatMulInteger(x, w, zx, zw) }",
        {"w": i8(16, 4), "zw": np.array([1, 0, -3, 2], np.int8)},
    ),
    "dynamic_conv": (
        """(float[1,3,8,8] x) => (float[1,4,6,6] y) {
            q, s, z = DynamicQuantizeLinear(x)  p = ConvInteger(q, w, z, zw)
            t = Cast <to = 1> (p)  r = Mul(s, sw)  y = Mul(t, r) }""",
        {"w": u8(4, 3, 3, 3), "sw": np.float32(0.01), "zw": np.uint8(130)},
    ),
    "block_weights": (
        """(float[5,32] x) => (float[5,8] y) {
            k = DequantizeLinear <axis = 0, block_size = 16> (w, sw)  y = MatMul(x, k) }""",
        {"w": i8(32, 8), "sw": np.abs(f(2, 8)) / 100},
    ),
    "embedding": (
        """(int64[1,6] x) => (float[1,6,16] y) {
            k = DequantizeLinear (w, sw, zw)  y = Gather(k, x) }""",
        {"w": u8(40, 16), "sw": np.float32(0.02), "zw": np.uint8(120)},
    ),
}


@pytest.mark.parametrize("target", ["cpu", "hexagon_v73"])
@pytest.mark.parametrize("name", BODIES)
def test_quantized_models(name: str, target: str, tmp_path: Path) -> None:
    body, constants = BODIES[name]
    used = {n: a for n, a in {**ONE, **constants}.items() if used_in(body, n)}
    text = f'<ir_version: 10, opset_import: ["" : 21]> g {body}'
    save(parse(text, **used), tmp_path / "m.onnx")
    result = compile_model(tmp_path / "m.onnx", target, tmp_path / "m.tflite", CompileOptions())
    assert result.verification is not None
    assert result.verification.passed


def used_in(body: str, name: str) -> bool:
    return any(f"{a}{name}{b}" in body for a in "( " for b in ",)")


def test_dynamically_quantized_model(tmp_path: Path) -> None:
    """What ONNX Runtime's own tool makes of a small transformer block."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    weights = {"wq": f(16, 16), "wk": f(16, 16), "wv": f(16, 16), "w1": f(16, 32), "w2": f(32, 16)}
    text = """<ir_version: 10, opset_import: ["" : 21]> g (float[1,6,16] x) => (float[1,6,16] y) {
        q = MatMul(x, wq)  k = MatMul(x, wk)  v = MatMul(x, wv)  kt = Transpose <perm=[0,2,1]> (k)
        s = MatMul(q, kt)  a = Softmax(s)  c = MatMul(a, v)  r = Add(c, x)
        h = MatMul(r, w1)  g = Gelu(h)  o = MatMul(g, w2)  y = Add(o, r) }"""
    weights = {n: (w / 4).astype(np.float32) for n, w in weights.items()}
    save(parse(text, **weights), tmp_path / "float.onnx")
    quantize_dynamic(tmp_path / "float.onnx", tmp_path / "m.onnx", weight_type=QuantType.QInt8)
    kinds = {n.op_type for n in onnx.load(tmp_path / "m.onnx").graph.node}
    assert "MatMulInteger" in kinds
    result = compile_model(tmp_path / "m.onnx", "hexagon_v73", tmp_path / "m.tflite")
    assert result.verification is not None
    assert result.verification.passed


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_pooled_bytes_are_padded_below_all_of_them(dtype: type) -> None:
    given = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    run_both(single("MaxPool", ((1, 4, 7, 7), dtype), **given))


def test_steps_share_the_floats_of_their_weight() -> None:
    """An unrolled loop multiplies by one weight at every step: so does what becomes of it."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
        g (uint8[2,16] a, uint8[2,16] b) => (float[2,32] y, float[2,32] z) {
            p = MatMulInteger(a, w, zero, zw)
            y = Cast<to = 1>(p)
            q = MatMulInteger(b, w, zero, zw)
            z = Cast<to = 1>(q)
        }"""
    weight = np.arange(512, dtype=np.uint8).reshape(16, 32)
    zeros = {"zero": np.array(3, np.uint8), "zw": np.array(128, np.uint8)}
    model = parse(text, w=weight, **zeros)
    PassManager([Decompose()]).run(model)
    products = [n for n in model.graph if n.op_type == "MatMul"]
    first, second = (constant(n.inputs[1]) for n in products)
    assert first is not None
    assert second is not None
    assert np.shares_memory(first, second)
    np.testing.assert_array_equal(first, weight.astype(np.float32) - 128)
