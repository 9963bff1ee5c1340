"""Which projections fuse-qkv joins, written as Gemm and as MatMul, and which it leaves."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from test_attention import model_of, optimized

from mmc.ir import Array, Model, print_ir
from mmc.passes.fuse_qkv import FuseQkv

RNG = np.random.default_rng(5)
HEADS = " ".join(f"{n}r = Reshape({n}, back) " for n in "qkv")
ATTENTION = "y = Attention<q_num_heads = 2, kv_num_heads = 2>"
ROWS = {"back": np.array([1, 5, 8])}


def weights(**shapes: tuple[int, ...]) -> dict[str, Array]:
    """Return random constants of these shapes."""
    return {n: RNG.standard_normal(s).astype(np.float32) for n, s in shapes.items()}


def plain() -> dict[str, Array]:
    """Return the weights and biases of three projections of width 8."""
    return weights(**dict.fromkeys(("wq", "wk", "wv"), (8, 8)), **dict.fromkeys("abc", (8,)))


def gemms(options: str = "", k: str = "", **more: Array) -> Model:
    """Return attention over three Gemms of one matrix; `k` is another way to make the keys."""
    made = {n: f"{n} = Gemm{options}(x, w{n}, {b})" for n, b in zip("qkv", "abc", strict=True)}
    made["k"] = k or made["k"]
    body = f"{' '.join(made.values())} {HEADS} {ATTENTION}(qr, kr, vr)"
    words = set(re.findall(r"\w+", body))
    used = {n: v for n, v in {**plain(), **ROWS, **more}.items() if n in words}
    return model_of(body, "float[5,8]", "float[1,5,8]", **used)


@pytest.mark.parametrize("options", ["", "<transB = 1>"])
def test_gemms_become_one_gemm(options: str, tmp_path: Path) -> None:
    counts = optimized(gemms(options), tmp_path, FuseQkv())
    assert (counts["Gemm"], counts["Split"]) == (1, 1)


def test_a_gemm_without_a_bias_gets_zeros(tmp_path: Path) -> None:
    counts = optimized(gemms(k="k = Gemm(x, wk)"), tmp_path, FuseQkv())
    assert (counts["Gemm"], counts["Split"]) == (1, 1)


def test_gemms_of_grouped_queries_have_their_own_widths(tmp_path: Path) -> None:
    body = "q = Gemm<transB = 1>(x, wq, a) k = Gemm<transB = 1>(x, wk, b) "
    body += "v = Gemm<transB = 1>(x, wv, c) "
    body += "qr = Reshape(q, wide) kr = Reshape(k, small) vr = Reshape(v, small) "
    body += "y = Attention<q_num_heads = 2, kv_num_heads = 1>(qr, kr, vr)"
    given = weights(wq=(8, 8), wk=(4, 8), wv=(4, 8), a=(8,), b=(4,), c=(4,))
    shapes = {"wide": np.array([1, 5, 8]), "small": np.array([1, 5, 4])}
    model = model_of(body, "float[5,8]", "float[1,5,8]", **given, **shapes)
    counts = optimized(model, tmp_path, FuseQkv())
    assert (counts["Gemm"], counts["Split"]) == (1, 1)


@pytest.mark.parametrize("options", ["<alpha = 2.0>", "<beta = 2.0>"])
def test_gemms_that_scale_are_left(options: str) -> None:
    left(gemms(options))


def test_gemms_of_a_turned_matrix_are_left() -> None:
    body = f"{' '.join(f'{n} = Gemm<transA = 1>(x, w{n})' for n in 'qkv')} {HEADS} "
    given = {n: v for n, v in plain().items() if n.startswith("w")}
    left(model_of(f"{body} {ATTENTION}(qr, kr, vr)", "float[8,5]", "float[1,5,8]", **given, **ROWS))


def test_a_gemm_with_a_bias_by_row_is_left() -> None:
    more = {**plain(), **weights(a=(5, 1), b=(5, 1), c=(5, 1))}
    left(gemms(**more))


def test_a_gemm_with_a_computed_weight_is_left() -> None:
    body = "s = Sigmoid(x) " + " ".join(f"{n} = Gemm<transB = 1>(x, s)" for n in "qkv")
    shapes = {"back": np.array([1, 5, 5])}
    heads = f"{HEADS} y = Attention<q_num_heads = 1, kv_num_heads = 1>(qr, kr, vr)"
    left(model_of(f"{body} {heads}", "float[5,8]", "float[1,5,5]", **shapes))


def matmuls(bias: Array) -> Model:
    """Return attention over three products with biases."""
    lines = [f"m{n} = MatMul(x, w{n}) {n} = Add(m{n}, bias)" for n in "qkv"]
    given = {n: v for n, v in plain().items() if n.startswith("w")}
    body = f"{' '.join(lines)} {ATTENTION}(q, k, v)"
    return model_of(body, "float[1,5,8]", "float[1,5,8]", **given, bias=bias)


def test_a_bias_by_column_is_joined(tmp_path: Path) -> None:
    counts = optimized(matmuls(RNG.standard_normal(8).astype(np.float32)), tmp_path, FuseQkv())
    assert (counts["MatMul"], counts["Add"], counts["Split"]) == (1, 1, 1)


@pytest.mark.parametrize("shape", [(1,), (5, 1), (1, 5, 8), (5, 8)])
def test_another_bias_stays_behind_the_split(shape: tuple[int, ...], tmp_path: Path) -> None:
    counts = optimized(matmuls(RNG.standard_normal(shape).astype(np.float32)), tmp_path, FuseQkv())
    assert (counts["MatMul"], counts["Add"], counts["Split"]) == (1, 3, 1)


def left(model: Model) -> None:
    """Assert that the pass changes nothing."""
    before = print_ir(model)
    assert FuseQkv().run(model) == 0
    assert print_ir(model) == before
