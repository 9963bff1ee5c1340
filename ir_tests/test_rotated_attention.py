"""Attention whose queries and keys are turned: one projection, one Attention, two rotations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_attention import model_of, optimized, weight

from mmc.ir import Array

HALVES = "lo{n}, hi{n} = Split<axis = 3>({x}, halves)"
TURNS = {
    "halves": f"{HALVES} a{{n}} = Mul(lo{{n}}, c) b{{n}} = Mul(hi{{n}}, s) "
    "d{n} = Sub(a{n}, b{n}) "
    "e{n} = Mul(hi{n}, c) g{n} = Mul(lo{n}, s) i{n} = Add(e{n}, g{n}) "
    "{y} = Concat<axis = 3>(d{n}, i{n})",
    "whole": f"{HALVES} m{{n}} = Neg(hi{{n}}) j{{n}} = Concat<axis = 3>(m{{n}}, lo{{n}}) "
    "a{n} = Mul({x}, cc) b{n} = Mul(j{n}, ss) {y} = Add(a{n}, b{n})",
}
TURNS["a part"] = (
    "first{n}, rest{n} = Split<axis = 3>({x}, parts) "
    + TURNS["halves"].format(n="{n}", x="first{n}", y="turned{n}").replace("halves", "quarters")
    + " {y} = Concat<axis = 3>(turned{n}, rest{n})"
)
COMPUTED = (
    "pf = Cast<to = 1>(p) pu = Unsqueeze(pf, minus1) fr = Mul(pu, inverse) co = Cos(fr) "
    "si = Sin(fr) c = Unsqueeze(co, one) s = Unsqueeze(si, one) "
)
"""The angles of places that are an input."""


def body(turn: str) -> str:
    """Return attention of 4 heads over x, keys and values of 2, with queries and keys turned."""
    made = "".join(
        f"{n}0 = MatMul(x, w{n}) {n}1 = Reshape({n}0, s{n}) "
        f"{n}2 = Transpose<perm = [0, 2, 1, 3]>({n}1) "
        for n in "qkv"
    )
    made += " ".join(turn.format(n=n, x=f"{n}2", y=f"{n}3") for n in "qk") + " "
    made += "v3 = Identity(v2) " + "".join(
        f"{n}4 = Reshape({n}3, apart) {n}5 = Expand({n}4, wide) {n}6 = Reshape({n}5, whole) "
        for n in "kv"
    )
    return made + (
        "kt = Transpose<perm = [0, 1, 3, 2]>(k6) sc = MatMul(q3, kt) sd = Mul(sc, scale) "
        "pr = Softmax(sd) o = MatMul(pr, v6) ot = Transpose<perm = [0, 2, 1, 3]>(o) "
        "of = Reshape(ot, flat) y = MatMul(of, wo)"
    )


def constants(half: int) -> dict[str, Array]:
    """Return what the body names; angles are of `half` pairs."""
    angles = np.outer(np.arange(5), 10.0 ** -np.arange(half)).astype(np.float32)
    both = np.concatenate([angles, angles], -1)
    shapes = {"sq": [2, 5, 4, 8], "sk": [2, 5, 2, 8], "sv": [2, 5, 2, 8], "flat": [2, 5, 32]}
    shapes |= {"apart": [2, 2, 1, 5, 8], "wide": [2, 2, 2, 5, 8], "whole": [2, 4, 5, 8]}
    shapes |= {"halves": [4, 4], "quarters": [2, 2], "parts": [4, 4], "minus1": [-1], "one": [1]}
    found: dict[str, Array] = {name: np.array(shape) for name, shape in shapes.items()}
    found |= {"wq": weight(32, 32), "wk": weight(32, 16), "wv": weight(32, 16)}
    found |= {"wo": weight(32, 32), "scale": np.float32(8**-0.5)}
    found |= {"c": np.cos(angles), "s": np.sin(angles), "cc": np.cos(both), "ss": np.sin(both)}
    return found | {"inverse": (10.0 ** -np.arange(half)).astype(np.float32)}


@pytest.mark.parametrize("turn", TURNS)
def test_rotations_are_recognised_before_heads_move(turn: str, tmp_path: Path) -> None:
    text = body(TURNS[turn])
    known = {k: v for k, v in constants(2 if turn == "a part" else 4).items() if k in words(text)}
    counts = optimized(model_of(text, *["float[2,5,32]"] * 2, **known), tmp_path)
    assert counts == {"MatMul": 2, "Split": 1, "RotaryEmbedding": 2, "Attention": 1}


def test_projections_behind_computed_angles_become_one(tmp_path: Path) -> None:
    text = COMPUTED + body(TURNS["halves"])
    known = constants(4)
    known = {k: v for k, v in known.items() if k in words(text) and k not in ("c", "s")}
    model = model_of(text, "int64[2,5] p, float[2,5,32]", "float[2,5,32]", **known)
    counts = optimized(model, tmp_path)
    assert (counts["MatMul"], counts["Attention"], counts["RotaryEmbedding"]) == (2, 1, 2)


def words(text: str) -> set[str]:
    """Return the names in a body."""
    return set(text.replace(",", " ").replace("(", " ").replace(")", " ").split())
