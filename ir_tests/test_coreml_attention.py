"""Attention for the Neural Engine: one operator from iOS 18 on, products and softmax before."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from test_attention import RNG, model_of, optimized, weight

from ir_tests.coreml_oracle import operations, reread
from mmc.compiler import compile_model
from mmc.ir import save
from mmc.options import CompileOptions
from mmc.passes.keep_attention import KeepAttention
from mmc.passes.scale_queries import ScaleQueries

WHOLE = "scaled_dot_product_attention"
KEYS = "k = MatMul(x, wk) v = MatMul(x, wv) "
FORMS = {
    "plain": "q_num_heads = 2, kv_num_heads = 2",
    "scale": "q_num_heads = 2, kv_num_heads = 2, scale = 0.2",
    "causal": "q_num_heads = 2, kv_num_heads = 2, is_causal = 1",
    "mask": "q_num_heads = 2, kv_num_heads = 2",
    "grouped": "q_num_heads = 2, kv_num_heads = 1",
    "capped": "q_num_heads = 2, kv_num_heads = 2, softcap = 3.0",
}


def package(form: str, target: str, folder: Path, precision: str) -> Counter[str]:
    """Compile an attention; it must verify; return its operators as coremltools reads them."""
    narrow = 8 if form == "grouped" else 16
    weights = {"wk": weight(16, narrow), "wv": weight(16, narrow)}
    if form == "mask":
        weights["m"] = RNG.standard_normal((5, 5)).astype(np.float32)
    operands = "x, k, v" + (", m" if form == "mask" else "")
    body = f"{KEYS} y = Attention<{FORMS[form]}>({operands})"
    save(model_of(body, "float[2,5,16]", "float[2,5,16]", **weights), folder / "m.onnx")
    options = CompileOptions(precision=precision)
    path = folder / "m.mlpackage"
    result = compile_model(folder / "m.onnx", target, path, options)
    assert result.verification is not None
    assert result.verification.passed
    found = operations(reread(path))  # coremltools agrees with every type
    return Counter(op.op_type for op in found)


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("form", FORMS)
def test_attention_is_one_operator_where_it_can_be(
    form: str, precision: str, tmp_path: Path
) -> None:
    counts = package(form, "ane_ios18", tmp_path, precision)
    whole = form not in ("grouped", "capped")
    assert counts[WHOLE] == whole
    assert (counts["softmax"] == 0) == whole


def test_a_half_precision_model_is_fused_like_a_single_one(tmp_path: Path) -> None:
    body = (
        "q = MatMul(x, wq) k = MatMul(x, wk) v = MatMul(x, wv)"
        " kt = Transpose<perm = [0, 2, 1]>(k) s = MatMul(q, kt) d = Mul(s, c)"
        " p = Softmax<axis = -1>(d) y = MatMul(p, v)"
    )
    weights = {f"w{n}": weight(16, 16) for n in "qkv"} | {"c": np.array(0.25, np.float32)}
    counts = []
    for kind in ("float", "float16"):
        stored = {
            k: v.astype(np.float16 if kind == "float16" else v.dtype) for k, v in weights.items()
        }
        save(model_of(body, f"{kind}[1,5,16]", f"{kind}[1,5,16]", **stored), tmp_path / "m.onnx")
        result = compile_model(tmp_path / "m.onnx", "ane_ios18", tmp_path / "m.mlpackage")
        assert result.verification is not None
        assert result.verification.passed
        counts.append({op: n for op, n in result.ops.items() if op != "cast"})
    assert counts[0] == counts[1]
    assert counts[0][WHOLE] == 1


def test_the_layout_of_attention_is_settled_at_once(tmp_path: Path) -> None:
    body = f"{KEYS} y = Attention<{FORMS['plain']}>(x, k, v)"
    weights = {"wk": weight(16, 16), "wv": weight(16, 16)}
    save(model_of(body, "float[2,5,16]", "float[2,5,16]", **weights), tmp_path / "m.onnx")
    result = compile_model(tmp_path / "m.onnx", "ane_ios18", tmp_path / "m.mlpackage")
    runs = [r.changes for r in result.passes if r.name.startswith("assign-layout")]
    assert runs[-1] == 0
    assert len(runs) <= 2


@pytest.mark.parametrize("target", ["ane_ios16", "ane_ios17"])
def test_older_systems_get_products_and_softmax(target: str, tmp_path: Path) -> None:
    counts = package("mask", target, tmp_path, "float32")
    assert counts[WHOLE] == 0
    assert counts["softmax"] == 1


@pytest.mark.parametrize("scale", ["", ", scale = 0.3"])
def test_only_a_scale_of_the_model_s_own_moves(scale: str, tmp_path: Path) -> None:
    body = f"q = MatMul(x, w) y = Attention<q_num_heads = 2, kv_num_heads = 2{scale}>(q, x, x)"
    model = model_of(body, "float[1,5,8]", "float[1,5,8]", w=weight(8, 8))
    assert ScaleQueries(own=True).run(model) == bool(scale)
    assert optimized(model, tmp_path, KeepAttention())["Mul"] == 0
