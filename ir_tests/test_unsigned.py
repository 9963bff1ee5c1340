"""8-bit products of the reference are exact on every processor; expected values are by numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser

from mmc.ir import Array
from mmc.verification.reference import run

RNG = np.random.default_rng(5)
HEAD = '<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]> g '


def codes(dtype: str, *shape: int) -> Array:
    """Return codes near the ends of the range, where pairs of products pass 16 bits."""
    info = np.iinfo(dtype)
    ends = np.concatenate([np.arange(info.min, info.min + 20), np.arange(info.max - 19, info.max)])
    return RNG.choice(ends, shape).astype(dtype)


def reference(tmp_path: Path, body: str, feeds: dict[str, Array]) -> Array:
    path = tmp_path / "m.onnx"
    onnx.save(parser.parse_model(HEAD + body), path)
    return run(path, feeds)["y"]


@pytest.mark.parametrize("a", ["uint8", "int8"])
@pytest.mark.parametrize("b", ["uint8", "int8"])
@pytest.mark.parametrize("zeros", [False, True])
def test_integer_products(tmp_path: Path, a: str, b: str, zeros: bool) -> None:
    feeds = {"a": codes(a, 5, 64), "b": codes(b, 64, 6)}
    za, zb = (np.array(7, a), np.array(9, b)) if zeros else (np.array(0, a), np.array(0, b))
    if zeros:
        feeds |= {"za": za, "zb": zb}
    more = f", {a}[] za, {b}[] zb" if zeros else ""
    body = f"({a}[5,64] a, {b}[64,6] b{more}) => (int32[5,6] y)"
    body += " { y = MatMulInteger(a, b, za, zb) }" if zeros else " { y = MatMulInteger(a, b) }"
    wide = [v.astype(np.int64) for v in (feeds["a"], feeds["b"], za, zb)]
    np.testing.assert_array_equal(
        reference(tmp_path, body, feeds), (wide[0] - wide[2]) @ (wide[1] - wide[3])
    )


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_quantized_products_with_computed_operands(tmp_path: Path, dtype: str) -> None:
    zero = 128 if dtype == "uint8" else 0
    body = f"""(float[4,32] x, int8[32,3] w) => ({dtype}[4,3] y) <
        float s = {{0.02}}, {dtype} z = {{{zero}}}, float sw = {{0.5}}, int8 zw = {{0}},
        float sy = {{40}}, {dtype} zy = {{{zero}}}> {{
        q = QuantizeLinear(x, s, z)
        y = QLinearMatMul(q, s, z, w, sw, zw, sy, zy) }}"""
    x, w = codes("int8", 4, 32) * np.float32(0.02), codes("int8", 32, 3)
    real = np.rint(x / np.float32(0.02)).astype(np.int64) @ w.astype(np.int64) * 0.02 * 0.5
    info = np.iinfo(dtype)
    expected = np.clip(np.rint(real / 40) + zero, info.min, info.max).astype(np.int64)
    found = reference(tmp_path, body, {"x": x.astype(np.float32), "w": w}).astype(np.int64)
    assert np.abs(found - expected).max() <= (np.abs(real / 40 % 1 - 0.5) < 1e-4).max()
    assert len(np.unique(expected)) > 3
