"""Layers with their features first: no transpose between convolutions; the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_attention import RNG, model_of, optimized, weight

from mmc.backends.coreml.lower import lower
from mmc.ir import Array, Model, print_ir
from mmc.passes.assign_layout import AssignLayout
from mmc.passes.eliminate_dead_code import EliminateDeadCode

PASSES = (AssignLayout(features=True), EliminateDeadCode())
LAST, FIRST = "perm = [0, 2, 3, 1]", "perm = [0, 3, 1, 2]"


def layers(body: str, x: str = "float[1,4,3,5]", y: str = "float[1,6,3,5]", **more: Array) -> Model:
    """Return a model with weights w (4, 6), scale and bias (4,), and `more`."""
    weights = {"w": weight(4, 6), "scale": weight(4), "bias": weight(4), **more}
    return model_of(body, x, y, **weights)


def convnext() -> Model:
    return layers(
        f"t = Transpose<{LAST}>(x) n = LayerNormalization(t, scale, bias) p = MatMul(n, w)"
        f" g = Gelu(p) q = MatMul(g, v) y = Transpose<{FIRST}>(q)",
        y="float[1,4,3,5]",
        v=weight(6, 4),
    )


def test_layers_between_images_need_no_transpose() -> None:
    model = convnext()
    for p in PASSES:
        p.run(model)
    assert (
        print_ir(model)
        == """\
%0: float[1,4,3,5] = input
@0: float[4,1,1] = const
@1: float[4,1,1] = const
%1: float[1,4,3,5] = mmc.AxisNorm(%0, @0, @1) axes=[1] epsilon=1e-05
@2: float[6,4,1,1] = const
%2: float[1,6,3,5] = Conv(%1, @2)
%3: float[1,6,3,5] = Gelu(%2)
@3: float[4,6,1,1] = const
%4: float[1,4,3,5] = Conv(%3, @3)
return %4
"""
    )
    assert AssignLayout(features=True).run(model) == 0


def test_they_are_one_operator_each_in_core_ml() -> None:
    model = convnext()
    for p in PASSES:
        p.run(model)
    norm, conv, *_ = (op for op in lower(model).computing() if op.code != "cast")
    assert (norm.code, norm.parameter("axes"), conv.code) == ("layer_norm", [1], "conv")
    assert norm.inputs["gamma"][0].shape == (4,)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(
    batch=st.integers(1, 2),
    places=st.lists(st.integers(2, 4), min_size=1, max_size=2),
    kinds=st.lists(st.sampled_from(["norm", "plain norm", "product", "bias", "relu"]), min_size=1),
)
def test_any_chain_computes_the_same(
    batch: int, places: list[int], kinds: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rank, weights = len(places) + 2, {}
    lines = [f"v0 = Transpose<perm = {[0, *range(2, rank), 1]}>(x)"]
    for i, kind in enumerate(kinds):
        weights |= {f"w{i}": weight(4, 4), f"s{i}": 1 + weight(4), f"b{i}": weight(4)}
        lines.append(
            {
                "norm": f"v{i + 1} = LayerNormalization<epsilon = 0.01>(v{i}, s{i}, b{i})",
                "plain norm": f"v{i + 1} = LayerNormalization(v{i}, s{i})",
                "product": f"v{i + 1} = MatMul(v{i}, w{i})",
                "bias": f"v{i + 1} = Add(v{i}, b{i})",
                "relu": f"v{i + 1} = Relu(v{i})",
            }[kind]
        )
    lines.append(f"y = Transpose<perm = {[0, rank - 1, *range(1, rank - 1)]}>(v{len(kinds)})")
    shape = f"float[{','.join(map(str, (batch, 4, *places)))}]"
    model = model_of(" ".join(lines), shape, shape, **weights)
    counts = optimized(model, tmp_path_factory.mktemp("m"), *PASSES)
    assert counts["Transpose"] == counts["LayerNormalization"] == counts["MatMul"] == 0


@pytest.mark.parametrize(
    "body",
    [
        "t = Transpose<perm = [0, 2, 3, 1]>(x) n = LayerNormalization<axis = 2>(t, wide)"
        " y = Transpose<perm = [0, 3, 1, 2]>(n)",
        "t = Transpose<perm = [2, 3, 0, 1]>(x) n = MatMul(t, square)"
        " y = Transpose<perm = [2, 3, 0, 1]>(n)",
        "t = Transpose<perm = [0, 2, 3, 1]>(x) s = ReduceMean<keepdims = 0>(t, lead)"
        " n = LayerNormalization(t, s) y = Transpose<perm = [0, 3, 1, 2]>(n)",
    ],
    ids=["a norm of two axes", "the batch is a place", "a computed scale"],
)
def test_other_layers_keep_theirs(body: str, tmp_path: Path) -> None:
    wide = RNG.standard_normal((5, 4)).astype(np.float32)
    more = {"wide": wide, "square": weight(4, 4), "lead": np.array([0, 1, 2])}
    model = layers(body, y="float[1,4,3,5]", **more)
    assert optimized(model, tmp_path, *PASSES)["Transpose"] == 2


def test_without_the_option_layers_have_features_last(tmp_path: Path) -> None:
    counts = optimized(convnext(), tmp_path, AssignLayout())
    assert counts["Transpose"] == counts["MatMul"] == 2
