"""Attention as models write it becomes one operator, fed by one projection; meaning is kept."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from attention_spellings import LENGTH, SPELLINGS, Spelling
from hypothesis import HealthCheck, given, settings
from test_passes_rules import run

import golden_models
from mmc.compiler import compile_model
from mmc.instruments import Verify
from mmc.ir import Array, Model, parse
from mmc.optimizer import optimize
from mmc.options import CompileOptions
from mmc.pass_manager import Pass, PassManager
from mmc.passes.decompose import Decompose
from mmc.passes.fuse_qkv import FuseQkv
from mmc.passes.merge_slices import MergeSlices
from mmc.passes.split_heads import SplitHeads
from mmc.pattern import apply_rules, rules_of
from mmc.pipelines import pipeline
from mmc.shapes import infer

RNG = np.random.default_rng(3)


def model_of(body: str, x: str, y: str, **weights: Array) -> Model:
    """Return a model of one input."""
    head = '<ir_version: 13, opset_import: ["" : 25]> g '
    model = parse(f"{head}({x} x) => ({y} y) {{ {body} }}", **weights)
    infer(model)
    return model


def optimized(model: Model, folder: Path, *passes: Pass) -> Counter[str]:
    """Run passes (or the default pipeline), compare with ONNX Runtime, and count operators."""
    reference = run(model, folder)
    PassManager(passes or pipeline("default"), [Verify()]).run(model)
    for a, b in zip(reference, run(model, folder), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    return Counter(node.op_type for node in model.graph)


def weight(*shape: int) -> Array:
    """Return a random weight, small enough that scores stay moderate."""
    return (RNG.standard_normal(shape) / np.sqrt(shape[0]) / 2).astype(np.float32)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(spelling=SPELLINGS)
def test_every_spelling_becomes_one_attention_and_one_projection(
    spelling: Spelling, tmp_path_factory: pytest.TempPathFactory
) -> None:
    body, width = spelling.text(), spelling.heads[0] * 4
    words = set(re.findall(r"\w+", body))
    known = {k: v for k, v in spelling.weights().items() if k in words}
    x, y = (f"float[{spelling.batch},{LENGTH},{size}]" for size in (8, width))
    counts = optimized(model_of(body, x, y, **known), tmp_path_factory.mktemp("m"))
    assert counts["Attention"] == 1
    assert counts["MatMul"] == 1
    assert counts["Softmax"] == counts["Transpose"] == counts["Tile"] == 0


PACKED = (
    "a = MatMul(x, w) b = Add(a, c) r = Reshape(b, s) "
    "t = Transpose<perm = [2, 0, 3, 1, 4]>(r) {parts} "
    "kt = Transpose<perm = [0, 1, 3, 2]>(k) u = MatMul(q, kt) p = Softmax(u) o = MatMul(p, v) "
    "ot = Transpose<perm = [0, 2, 1, 3]>(o) y = Reshape(ot, so)"
)
GATHERED = " ".join(f"{n} = Gather(t, i{i})" for i, n in enumerate("qkv"))
SPLIT = "q5, k5, v5 = Split<axis = 0>(t, ones) " + " ".join(
    f"{n} = Squeeze({n}5, zero)" for n in "qkv"
)


@pytest.mark.parametrize("parts", [GATHERED, SPLIT], ids=["gather", "split"])
@pytest.mark.parametrize("batch", [1, 2])
def test_packed_projections(parts: str, batch: int, tmp_path: Path) -> None:
    weights = {
        "w": weight(8, 24),
        "c": weight(24),
        "s": np.array([batch, 5, 3, 2, 4]),
        "so": np.array([batch, 5, 8]),
    }
    weights |= {f"i{i}": np.array(i) for i in range(3)} if "Gather" in parts else {}
    weights |= {"ones": np.array([1, 1, 1]), "zero": np.array([0])} if "Split" in parts else {}
    body, shape = PACKED.format(parts=parts), f"float[{batch},5,8]"
    counts = optimized(model_of(body, shape, shape, **weights), tmp_path)
    assert counts == {"MatMul": 1, "Add": 1, "Split": 1, "Attention": 1}


def projections(b: str = "") -> str:
    """Return the text of three projections into one attention, with what is different of k."""
    return f"q = MatMul(x, wq) {b or 'k = MatMul(x, wk)'} v = MatMul(x, wv) " + (
        "y = Attention<q_num_heads = 2, kv_num_heads = 2>(q, k, v)"
    )


def qkv(body: str, **more: Array) -> Model:
    """Return a model of a body and the weights it reads."""
    weights = {f"w{n}": weight(8, 8) for n in "qkv"} | more
    known = {k: v for k, v in weights.items() if k in body}
    return model_of(body, "float[1,5,8]", "float[1,5,8]", **known)


def test_weights_stored_as_integers_are_joined_as_integers(tmp_path: Path) -> None:
    lines, weights = [], {}
    for n in "qkv":
        weights[f"i{n}"] = RNG.integers(-127, 128, (8, 8)).astype(np.int8)
        weights[f"s{n}"] = np.full((1, 8), 0.01, np.float32)
        lines.append(f"c{n} = Cast<to = 1>(i{n}) m{n} = Mul(c{n}, s{n}) {n} = MatMul(x, m{n})")
    body = " ".join(lines) + " y = Attention<q_num_heads = 2, kv_num_heads = 2>(q, k, v)"
    model = qkv(body, **weights)
    counts = optimized(model, tmp_path, FuseQkv())
    assert counts["MatMul"] == counts["Split"] == 1
    assert any(
        v.dtype is not None and v.dtype.numpy() == np.int8 and v.shape == (8, 24)
        for v in model.graph.initializers.values()
    )


@pytest.mark.parametrize(
    "k",
    [
        "k0 = Relu(x) k = MatMul(k0, wk)",
        "k1 = MatMul(x, wk) k = Relu(k1)",
        "k1 = Gemm(x2, wk) k = Reshape(k1, back)",
        "z = MatMul(x, wk) k = Identity(z)",
    ],
    ids=["another input", "something between", "another form", "an unknown operator between"],
)
def test_only_what_shares_an_input_is_merged(k: str) -> None:
    reshape = "x2 = Reshape(x, two) " if "x2" in k else ""
    more = {"two": np.array([5, 8]), "back": np.array([1, 5, 8])} if reshape else {}
    model = qkv(reshape + projections(k), **more)
    assert FuseQkv().run(model) == 1  # q and v: their heads take one way then
    kinds = Counter(node.op_type for node in model.graph)
    assert (kinds["MatMul"] + kinds["Gemm"], kinds["Split"]) == (2, 1)
    assert {str(v.shape) for v in model.graph.initializers.values()} >= {"[8,16]", "[8,8]"}


def test_a_weight_that_others_read_is_not_copied() -> None:
    model = qkv(
        projections().replace("y = Att", "e = Relu(wq) f = MatMul(x, e) y0 = Att")
        + " y = Add(y0, f)"
    )
    assert FuseQkv().run(model) == 0


def test_layers_that_share_weights_share_the_wide_one(tmp_path: Path) -> None:
    layer = "{o} = Attention<q_num_heads = 2, kv_num_heads = 2>({o}q, {o}k, {o}v)"
    first = " ".join(f"a{n} = MatMul(x, w{n})" for n in "qkv") + " " + layer.format(o="a")
    second = " ".join(f"y{n} = MatMul(a, w{n})" for n in "qkv") + " " + layer.format(o="y")
    model = qkv(f"{first} {second}")
    counts = optimized(model, tmp_path, FuseQkv())
    assert counts["MatMul"] == 2
    wide = [v for v in model.graph.initializers.values() if v.shape == (8, 24)]
    assert len(wide) == 1


def test_slices_that_cover_an_axis_become_a_split(tmp_path: Path) -> None:
    bounds = {f"i{n}": np.array([n]) for n in (0, 1, 2, 3, 5)}
    body = "a = Slice(x, i0, i2, i1) b = Slice(x, i2, i5, i1) c = ReduceMax(a, i1) y = Mul(b, c)"
    used = {k: v for k, v in bounds.items() if k in body}
    counts = optimized(
        model_of(body, "float[1,5,8]", "float[1,3,8]", **used), tmp_path, MergeSlices()
    )
    assert counts == {"Split": 1, "ReduceMax": 1, "Mul": 1}


@pytest.mark.parametrize("other", ["i3, i5", "i1, i5"], ids=["a gap", "an overlap"])
def test_slices_that_do_not_cover_an_axis_stay(other: str) -> None:
    bounds = {f"i{n}": np.array([n]) for n in (0, 1, 2, 3, 5)}
    body = f"a = Slice(x, i0, i2, i1) b = Slice(x, {other}, i1) c = ReduceMax(a, i1) y = Mul(b, c)"
    used = {k: v for k, v in bounds.items() if k in body}
    rows = 2 if "i3" in other else 4
    assert MergeSlices().run(model_of(body, "float[1,5,8]", f"float[1,{rows},8]", **used)) == 0


@pytest.mark.parametrize("heads", [(2, 2), (4, 2), (4, 1)])
@pytest.mark.parametrize("mask", ["", "m", "is_causal"])
def test_attention_of_three_axes_is_taken_apart(
    heads: tuple[int, int], mask: str, tmp_path: Path
) -> None:
    query, kv = heads
    weights = {"wk": weight(8 * query, 8 * kv), "wv": weight(8 * query, 8 * kv)}
    if mask == "m":
        weights["m"] = RNG.standard_normal((5, 5)).astype(np.float32)
    options = f"q_num_heads = {query}, kv_num_heads = {kv}"
    options += ", is_causal = 1" if mask == "is_causal" else ""
    operands = "x, k, v" + (", m" if mask == "m" else "")
    body = f"k = MatMul(x, wk) v = MatMul(x, wv) y = Attention<{options}>({operands})"
    shape = f"float[2,5,{8 * query}]"
    model = model_of(body, shape, shape, **weights)
    counts = optimized(model, tmp_path, SplitHeads(), Decompose())
    assert counts["Softmax"] == 1
    assert counts["Attention"] == counts["Tile"] == 0


def test_attention_of_heads_is_not_split_again() -> None:
    body = "a = Reshape(x, s) y = Attention(a, a, a)"
    model = model_of(body, "float[1,5,8]", "float[1,1,5,8]", s=np.array([1, 1, 5, 8]))
    reasons: list[str] = []
    apply_rules(model, rules_of("heads"), lambda rule, node, why: reasons.append(why))
    assert reasons == ["its heads are an axis"]


def test_what_mmc_wrote_is_read_again(tmp_path: Path) -> None:
    """Names that mmc made are not made a second time: the optimized model compiles."""
    reference = golden_models.sample("digits_vqa_text")
    source, target = golden_models.path("digits_vqa_text"), tmp_path / "o.onnx"
    shapes = {k: v.shape for k, v in reference.items()}
    options = CompileOptions(input_shapes=shapes, inputs=reference)
    optimize(source, target, options=options)
    again = compile_model(target, "hexagon_v73", tmp_path / "o.tflite", options)
    first = compile_model(source, "hexagon_v73", tmp_path / "m.tflite", options)
    assert again.verification is not None
    assert again.verification.passed
    assert sum(again.ops.values()) <= sum(first.ops.values())
    assert again.ops["TRANSPOSE"] <= first.ops["TRANSPOSE"]
