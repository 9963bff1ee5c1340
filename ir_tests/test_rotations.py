"""Rotary embeddings become five operators; queries and keys that lie together turn together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_attention import RNG, model_of, optimized

from mmc.ir import Array, Model, print_ir
from mmc.passes.decompose import Decompose
from mmc.passes.merge_rotations import MergeRotations
from mmc.passes.split_heads import SplitHeads
from mmc.pattern import apply_rules, rules_of


def angles(*shape: int) -> Array:
    """Return random angles."""
    return RNG.uniform(-3, 3, shape).astype(np.float32)


CACHES = {
    "one row a place": ({"c": np.cos(angles(2, 5, 3)), "s": np.sin(angles(2, 5, 3))}, "c, s"),
    "equal rows": (
        {"c": np.tile(np.cos(angles(1, 5, 3)), (2, 1, 1)), "s": np.ones((2, 5, 3), np.float32)},
        "c, s",
    ),
    "chosen rows": (
        {"c": angles(9, 3), "s": angles(9, 3), "at": RNG.integers(0, 9, (2, 5))},
        "c, s, at",
    ),
}


@pytest.mark.parametrize("caches", CACHES)
@pytest.mark.parametrize("packed", [False, True])
def test_a_rotation_of_halves(caches: str, packed: bool, tmp_path: Path) -> None:
    weights, names = CACHES[caches]
    shape = "float[2,5,24]" if packed else "float[2,4,5,6]"
    options = "<num_heads = 4>" if packed else ""
    model = model_of(f"y = RotaryEmbedding{options}(x, {names})", shape, shape, **weights)
    counts = optimized(model, tmp_path, SplitHeads(), Decompose())
    assert counts["RotaryEmbedding"] == counts["Neg"] == 0
    assert counts["Mul"] == 2
    assert counts["Transpose"] == 2 * packed


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("y = RotaryEmbedding<interleaved = 1>(x, c, s)", "pairs"),
        ("y = RotaryEmbedding<rotary_embedding_dim = 4>(x, c2, s2)", "a part of the size"),
        ("e = Add(c, o) y = RotaryEmbedding(x, e, s)", "its angles are computed"),
    ],
)
def test_other_rotations_keep_their_definition(body: str, why: str) -> None:
    known = {"c": angles(2, 5, 3), "s": angles(2, 5, 3), "c2": angles(2, 5, 2)}
    known |= {"s2": angles(2, 5, 2), "o": np.ones((2, 5, 3), np.float32)}
    words = body.replace(",", " ").replace("(", " ").replace(")", " ").split()
    used = {name: value for name, value in known.items() if name in words}
    model = model_of(body, "float[2,4,5,6]", "float[2,4,5,6]", **used)
    reasons: list[str] = []
    rules = [r for r in rules_of("decompose") if r.name == "rotation-of-halves"]
    assert apply_rules(model, rules, lambda rule, node, why: reasons.append(why)) == 0
    assert any(why in reason for reason in reasons), reasons


def parts(second: str, tail: str = "y = ReduceSum(z)") -> Model:
    """Return queries, keys and values (2, 4 + 2 + 2, 5, 6), whose keys are turned as told."""
    weights: dict[str, Array] = {"n": np.array([4, 2, 2]), "c": angles(2, 5, 3)}
    weights |= {"s": angles(2, 5, 3), "other": angles(2, 5, 3)}
    body = (
        "q, k, v = Split<axis = 1>(x, n) qr = RotaryEmbedding(q, c, s) "
        f"kr = {second} qs = ReduceSum(qr) ks = ReduceMax(kr) m = Mul(qs, ks) z = Mul(m, v) {tail}"
    )
    used = {name: w for name, w in weights.items() if name != "other" or "other" in second}
    return model_of(body, "float[2,8,5,6]", "float", **used)


def test_queries_and_keys_turn_together(tmp_path: Path) -> None:
    counts = optimized(parts("RotaryEmbedding(k, c, s)"), tmp_path, MergeRotations())
    assert counts["RotaryEmbedding"] == 1
    assert counts["Split"] == 2


COMPUTED = "t = ReduceMean<keepdims = 0>({of}, heads) c = Slice(t, zero, three, last)"


@pytest.mark.parametrize(("of", "count"), [("x", 1), ("v", 2)])
def test_angles_made_behind_the_split_come_first(of: str, count: int, tmp_path: Path) -> None:
    """Of the values' own angles none can come before the Split."""
    body = (
        f"q, k, v = Split<axis = 1>(x, n) {COMPUTED.format(of=of)} qr = RotaryEmbedding(q, c, c) "
        "kr = RotaryEmbedding(k, c, c) qs = ReduceSum(qr) ks = ReduceMax(kr) m = Mul(qs, ks) "
        "z = Mul(m, v) y = ReduceSum(z)"
    )
    known = {"n": [4, 2, 2], "heads": [1], "zero": [0], "three": [3], "last": [2]}
    model = model_of(body, "float[2,8,5,6]", "float", **{k: np.array(v) for k, v in known.items()})
    assert optimized(model, tmp_path, MergeRotations())["RotaryEmbedding"] == count


def test_equal_angles_of_two_constants_are_equal(tmp_path: Path) -> None:
    model = parts("RotaryEmbedding(k, other, s)")
    model.graph.initializers["other"].const_value = model.graph.initializers["c"].const_value
    assert optimized(model, tmp_path, MergeRotations())["RotaryEmbedding"] == 1


@pytest.mark.parametrize(
    ("second", "tail"),
    [
        ("RotaryEmbedding(k, other, s)", "y = ReduceSum(z)"),
        ("RotaryEmbedding<interleaved = 1>(k, c, s)", "y = ReduceSum(z)"),
        ("Relu(k)", "y = ReduceSum(z)"),
        ("RotaryEmbedding(k, c, s)", "t = ReduceMin(k) u = ReduceSum(z) y = Add(t, u)"),
    ],
    ids=["other angles", "another order", "no rotation", "the keys are read before"],
)
def test_different_rotations_stay_apart(second: str, tail: str) -> None:
    model = parts(second, tail)
    before = print_ir(model)
    assert MergeRotations().run(model) == 0
    assert print_ir(model) == before
