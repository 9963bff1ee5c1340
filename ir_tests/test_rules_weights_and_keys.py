"""Keys of attention and integer weights: rewritten exactly, refused where the form is another."""

from __future__ import annotations

import numpy as np
import pytest

from mmc.ir import Array, Model, parse
from mmc.passes.assign_layout import AssignLayout
from mmc.passes.rules.integer_weights import cast_of_integer_weight, scaled_integer_weight
from mmc.passes.rules.keys import keep_last_axis_of_keys
from mmc.pattern import apply_rules
from mmc.shapes import infer
from mmc.verification.evaluate import run_model

HEADER = '<ir_version: 13, opset_import: ["" : 25]>'
ATTENTION = """ g (float[1,5,2,4] q, float[1,5,2,4] k) => (float[1,2,5,5] y) {
    a = Transpose <perm = [0, 2, 1, 3]> (q)  b = Transpose <perm = %s> (k)  y = MatMul(a, b) }"""


def model_of(text: str, **constants: Array) -> Model:
    model = parse(HEADER + text, **constants)
    infer(model)
    return model


def test_keys_keep_their_last_axis() -> None:
    model = model_of(ATTENTION % "[0, 2, 3, 1]")
    rng = np.random.default_rng(0)
    feeds = {n: rng.standard_normal((1, 5, 2, 4)).astype(np.float32) for n in ("q", "k")}
    before = run_model(model, feeds)["y"]
    assert apply_rules(model, [keep_last_axis_of_keys]) == 1
    perms = [n.attributes["perm"].as_ints() for n in model.graph if n.op_type == "Transpose"]
    assert [list(p) for p in perms] == [[0, 2, 1, 3], [0, 2, 1, 3]]
    np.testing.assert_allclose(run_model(model, feeds)["y"], before, rtol=1e-5, atol=1e-6)
    AssignLayout().run(model)
    np.testing.assert_allclose(run_model(model, feeds)["y"], before, rtol=1e-5, atol=1e-6)


def test_a_plain_product_of_heads_is_refused() -> None:
    text = ATTENTION.replace("float[1,5,2,4] k", "float[1,5,2,5] k") % "[0, 2, 1, 3]"
    assert apply_rules(model_of(text), [keep_last_axis_of_keys]) == 0


@pytest.mark.parametrize(
    ("dtype", "to", "expected"), [("int8", 1, 1), ("uint8", 1, 1), ("int32", 1, 0), ("int8", 6, 0)]
)
def test_integer_weights_become_float(dtype: str, to: int, expected: int) -> None:
    kind = {1: "float", 6: "int32"}[to]
    text = f" g ({kind}[3] x) => ({kind}[3] y) {{ c = Cast <to = {to}> (w)  y = Add(x, c) }}"
    model = model_of(text, w=np.array([1, 2, 127]).astype(dtype))
    feeds = {"x": np.arange(3).astype({"float": "float32"}.get(kind, kind))}
    before = run_model(model, feeds)["y"]
    assert apply_rules(model, [cast_of_integer_weight]) == expected
    assert np.array_equal(run_model(model, feeds)["y"], before)


@pytest.mark.parametrize(("scale", "expected"), [((1, 3), 1), ((), 1), ((2, 2, 3), 0)])
def test_scaled_integer_weights_become_float_at_once(scale: tuple[int, ...], expected: int) -> None:
    rank = "2,2,3" if len(scale) == 3 else "2,3"
    text = f" g (float[2,3] x) => (float[{rank}] y) {{ c = Cast <to = 1> (w)  m = Mul(c, s) "
    rng = np.random.default_rng(0)
    model = model_of(
        text + " y = Add(x, m) }",
        w=rng.integers(-127, 127, (2, 3)).astype(np.int8),
        s=rng.random(scale, np.float32),
    )
    feeds = {"x": rng.random((2, 3), np.float32)}
    before = run_model(model, feeds)["y"]
    assert apply_rules(model, [cast_of_integer_weight]) == 0
    assert apply_rules(model, [scaled_integer_weight]) == expected
    assert np.array_equal(run_model(model, feeds)["y"], before)
