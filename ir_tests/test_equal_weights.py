"""Weights that layers share, or that hold the same, are quantized once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ir_tests.arrays import normal
from mmc.ir import parse
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.shapes import infer
from mmc.verification.evaluate import run_model


def test_a_shared_weight_is_quantized_once() -> None:
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[2,64] x) => (float[2,64] y) { t = MatMul (x, w)  y = MatMul (t, w) }""",
        w=normal(64, 64) / 8,
    )
    infer(model)
    assert QuantizeWeights(bits=8).run(model) == 1
    assert [n.op_type for n in model.graph] == ["DequantizeLinear", "MatMul", "MatMul"]
    assert QuantizeWeights(bits=8).run(model) == 0


COPIES = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[2,64] x, float[2,64] z) => (float[2,24] y, float[2,24] u) {
        y = Gemm (x, w, b)  r = Relu (z)  u = %s }"""


def test_weights_that_are_equal_are_quantized_once_for_all_their_inputs(tmp_path: Path) -> None:
    """A loop that was unrolled has a copy a step; GPTQ sees what all of them read."""
    w = normal(64, 24)
    given = {"w": w, "v": w.copy(), "b": normal(24), "c": normal(24, seed=1)}
    model = parse(COPIES % "Gemm (r, v, c)", **given)
    mixed = normal(64, 64, seed=5) / 4 + np.eye(64, dtype=np.float32)
    data = {n: normal(32, 2, 64, seed=i) @ mixed for i, n in enumerate("xz", 2)}
    np.savez(tmp_path / "d.npz", **data)
    infer(model)
    before = [run_model(model, {n: data[n][i] for n in data}) for i in range(32)]
    errors = {}
    for calibration in ("", str(tmp_path / "d.npz")):
        model = parse(COPIES % "Gemm (r, v, c)", **given)
        infer(model)
        four = {"bits": 4, "sensitive_bits": 4, "calibration": calibration}
        assert QuantizeWeights(**four).run(model) == 1
        made = [n.op_type for n in model.graph if n.op_type == "DequantizeLinear"]
        assert len(made) == 1
        after = [run_model(model, {n: data[n][i] for n in data}) for i in range(32)]
        for y in "yu":
            errors[y, bool(calibration)] = sum(
                float(((a[y] - b[y]) ** 2).sum()) for a, b in zip(after, before, strict=True)
            )
    assert errors["y", True] < errors["y", False]
    assert errors["u", True] < errors["u", False]


def test_equal_weights_of_other_axes_stay_two() -> None:
    w = normal(64, 64)
    text = COPIES.replace("[2,24]", "[2,64]") % "Gemm <transB = 1> (r, v, b)"
    model = parse(text, w=w, v=w.copy(), b=normal(64))
    infer(model)
    assert QuantizeWeights(bits=8).run(model) == 2
