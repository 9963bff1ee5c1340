"""Masks in front of a softmax, on codes: they hide what they hid, and take no codes from scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ir_tests.arrays import normal
from ir_tests.lowering import emit, oracle
from ir_tests.quantizing import feeds_of, quantized
from mmc.integers.integer_ops import INTEGER
from mmc.ir import constant, parse
from mmc.passes.quantize_activations import QuantizeActivations
from mmc.shapes import infer

MASKED = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[2,8,16] x) => (float[2,8,16] y) { a = Add (x, mask)  y = Softmax <axis = -1> (a) }"""


def test_masked_scores_keep_their_codes(tmp_path: Path) -> None:
    """-10000 in front of a softmax is as good as -20: the codes are for the scores."""
    mask = np.zeros((2, 8, 16), np.float32)
    mask[..., 10:] = -10000
    plain = parse(MASKED, mask=mask)
    infer(plain)
    model = quantized(parse(MASKED, mask=mask), 8, tmp_path)
    feeds = feeds_of(model)
    exact, actual = oracle(plain, feeds)["y"], emit(model, feeds)[0]["y"]
    assert np.abs(exact - actual).max() < 0.02
    assert not actual[..., 10:].any()


SHARED = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[2,8,16] x) => (float[2,8,16] y) {
        a = Add (x, mask)  p = Softmax <axis = -1> (a)  b = Add (p, mask)
        y = Softmax <axis = -1> (b) }"""


@pytest.mark.parametrize("bits", [8, 16])
def test_a_mask_that_layers_share_is_bounded_in_each(bits: int, tmp_path: Path) -> None:
    mask = np.where(np.arange(16) < 10, 0, np.finfo(np.float32).min).astype(np.float32)
    model = quantized(parse(SHARED, mask=np.broadcast_to(mask, (1, 8, 16))), bits, tmp_path)
    scales = [
        float(scale)
        for n in model.graph
        if n.op_type == "DequantizeLinear" and n.inputs[0].const_value is not None
        for scale in [constant(n.inputs[1])]
    ]
    assert len(scales) == 2
    assert max(scales) < 1


HIDDEN = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[2,8,16] x, float[2,1,16] keep) => (float[2,8,16] y) {
        hide = Sub (one, keep)
        mask = Mul (hide, least)
        scores = Add (x, mask)
        y = Softmax <axis = -1> (scores)
    }"""


@pytest.mark.parametrize("bits", [8, 16])
def test_a_mask_made_of_the_least_float_is_a_mask(bits: int, tmp_path: Path) -> None:
    """Its scale over that of the masks is beyond what kernels multiply by."""
    arrays = {"one": np.float32(1), "least": np.finfo(np.float32).min}
    keep = (normal(8, 2, 1, 16, seed=4) > 0).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=normal(8, 2, 8, 16), keep=keep)
    plain, model = parse(HIDDEN, **arrays), parse(HIDDEN, **arrays)
    QuantizeActivations(bits=bits, calibration=str(tmp_path / "d.npz")).run(model)
    (product,) = [n for n in model.graph if n.op_type == "Mul"]
    assert INTEGER in product.metadata_props
    feeds = {"x": normal(2, 8, 16), "keep": keep[0]}
    exact, actual = oracle(plain, feeds)["y"], emit(model, feeds)[0]["y"]
    assert np.abs(exact - actual).max() < 0.02
    hidden = actual[np.broadcast_to(keep[0] == 0, actual.shape)]
    assert hidden.max() < np.exp(-12)  # ranges end there: no code of a softmax is worth less
