"""Scales: moved past a product, absorbed by a convolution, refused where not one number."""

from __future__ import annotations

import numpy as np
import pytest

from mmc.evaluate import run_model
from mmc.ir import Array, Model, parse
from mmc.passes.rules.scales import conv_of_scaled, scale_last
from mmc.pattern import apply_rules
from mmc.shapes import infer

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
    assert apply_rules(model, [scale_last, conv_of_scaled]) == 2
    assert [n.op_type for n in model.graph] == ["Relu", "Mul", "Conv"]
    np.testing.assert_allclose(run_model(model, {"x": X})["y"], before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "body",
    ["r = Relu(x) s = Mul(r, c) y = Mul(x, s)", "s = Mul(x, c) y = Conv(s, w)"],
)
def test_a_factor_a_channel_is_refused(body: str) -> None:
    body = body.replace("Conv(", "Conv <pads = [1, 1, 1, 1]> (")
    used = {"w": W} if "Conv" in body else {}
    model = model_of(body, c=np.ones((2, 1, 1), np.float32), **used)
    assert apply_rules(model, [scale_last, conv_of_scaled]) == 0
