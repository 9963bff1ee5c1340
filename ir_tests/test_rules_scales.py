"""Scales: moved past a product, absorbed by a convolution, refused where not one number."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Model, parse
from mmc.passes.rules.conv_affine import mul_conv
from mmc.passes.rules.scales import scale_last
from mmc.pattern import apply_rules
from mmc.shapes import infer
from mmc.verification.evaluate import run_model

X = np.random.default_rng(0).standard_normal((1, 2, 5, 5)).astype(np.float32)
W = np.random.default_rng(1).standard_normal((3, 2, 3, 3)).astype(np.float32)


def model_of(body: str, **constants: Array) -> Model:
    text = f'<ir_version: 13, opset_import: ["" : 25]> g (float[1,2,5,5] x) => (y) {{{body}}}'
    text = text.replace("(y)", "(float[1,3,5,5] y)" if "Conv" in body else "(float[1,2,5,5] y)")
    model = parse(text, **constants)
    infer(model)
    return model


def test_a_gate_with_a_factor_costs_nothing_before_a_convolution() -> None:
    model = model_of(
        "r = Relu(x) s = Mul(r, c) m = Mul(x, s) y = Conv <pads = [1, 1, 1, 1]> (m, w)",
        c=np.float32(1 / 6).reshape(()),
        w=W,
    )
    before = run_model(model, {"x": X})["y"]
    assert apply_rules(model, [scale_last, mul_conv]) == 2
    assert [n.op_type for n in model.graph] == ["Relu", "Mul", "Conv"]
    np.testing.assert_allclose(run_model(model, {"x": X})["y"], before, rtol=1e-5, atol=1e-5)


def test_a_factor_a_channel_is_refused() -> None:
    model = model_of("r = Relu(x) s = Mul(r, c) y = Mul(x, s)", c=np.ones((2, 1, 1), np.float32))
    assert apply_rules(model, [scale_last]) == 0
