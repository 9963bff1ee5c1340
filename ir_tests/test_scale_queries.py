"""The scale of attention moves into the projection of its queries, or stays where it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_attention import RNG, model_of, optimized, weight

from mmc.ir import Array, Model, print_ir
from mmc.passes.scale_queries import ScaleQueries

THREE = "y = Attention<q_num_heads = 2, kv_num_heads = 2{more}>(q, x, x)"
FOUR = (
    "q4 = Reshape(q, s) q5 = Transpose<perm = [0, 2, 1, 3]>(q4)"
    " k4 = Reshape(x, s) k5 = Transpose<perm = [0, 2, 1, 3]>(k4) a = Attention(q5, k5, k5)"
    " a4 = Transpose<perm = [0, 2, 1, 3]>(a) y = Reshape(a4, t)"
)
GEMM = "x2 = Reshape(x, two) q2 = Gemm<transB = 1>(x2, w, b) q = Reshape(q2, t) "


def model_with(body: str) -> Model:
    """Return a model of x (1, 5, 8) and the constants that the body reads."""
    known: dict[str, Array] = {
        "w": weight(8, 8),
        "b": weight(8),
        "s": np.array([1, 5, 2, 4]),
        "t": np.array([1, 5, 8]),
        "two": np.array([5, 8]),
        "i": RNG.integers(-127, 128, (8, 8)).astype(np.int8),
        "f": np.full((1, 8), 0.01, np.float32),
        "g": np.ones(8, np.float32),
    }
    words = set(body.replace(",", " ").replace("(", " ").replace(")", " ").split())
    used = {name: value for name, value in known.items() if name in words}
    return model_of(body, "float[1,5,8]", "float[1,5,8]", **used)


@pytest.mark.parametrize("tail", [THREE.format(more=""), THREE.format(more=", scale = 0.3"), FOUR])
@pytest.mark.parametrize(
    "queries",
    [
        "q = MatMul(x, w) ",
        "q0 = MatMul(x, w) q = Add(q0, b) ",
        GEMM,
        "c = Cast<to = 1>(i) m = Mul(c, f) q = MatMul(x, m) ",
    ],
    ids=["product", "bias", "gemm", "integers"],
)
def test_the_scale_moves(queries: str, tail: str, tmp_path: Path) -> None:
    model = model_with(queries + tail)
    optimized(model, tmp_path, ScaleQueries())
    (attention,) = [node for node in model.graph if node.op_type == "Attention"]
    assert attention.attributes["scale"].as_float() == 1
    assert ScaleQueries().run(model) == 0


@pytest.mark.parametrize(
    "body",
    [
        "q0 = MatMul(x, w) q = RMSNormalization(q0, g) " + THREE.format(more=""),
        "q0 = MatMul(x, w) q = LayerNormalization(q0, g) " + THREE.format(more=""),
        "q0 = MatMul(x, w) q = Relu(q0) " + THREE.format(more=""),
        "q = MatMul(x, w) " + THREE.format(more=", scale = 1.0"),
        "q = MatMul(x, w) "
        + THREE.format(more="").replace("x, x", "x, z").replace("y =", "z = MatMul(x, w) y ="),
        "q = MatMul(x, w) " + THREE.format(more="").replace("x, x", "q, x"),
    ],
    ids=["RMS norm", "layer norm", "relu", "scale 1", "shared weight", "queries are keys too"],
)
def test_the_scale_stays(body: str) -> None:
    model = model_with(body)
    before = print_ir(model)
    assert ScaleQueries().run(model) == 0
    assert print_ir(model) == before
