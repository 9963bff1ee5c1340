"""Heads that one projection makes are transposed at once; where they differ, they stay apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_attention import model_of, optimized

from mmc.ir import Array, Model, print_ir
from mmc.passes.merge_heads import MergeHeads


def heads(counts: list[int], size: int, perms: list[str], after: str = "") -> Model:
    """Return x (2, 5, width) split into heads, part i turned by perms[i]; `after` reads them."""
    weights: dict[str, Array] = {"sizes": np.array(counts) * size}
    names = [f"p{i}" for i in range(len(counts))]
    lines = [f"{', '.join(names)} = Split<axis = -1>(x, sizes)"]
    for name, count, perm in zip(names, counts, perms, strict=True):
        weights[f"{name}s"] = np.array([2, 5, count, size])
        lines.append(f"{name}r = Reshape({name}, {name}s)")
        lines.append(f"{name}t = Transpose<perm = [{perm}]>({name}r)")
    return model_of(
        " ".join([*lines, after]), f"float[2,5,{sum(counts) * size}]", "float", **weights
    )


PLAIN, KEYS = "0, 2, 1, 3", "0, 2, 3, 1"


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(
    query=st.sampled_from([2, 4]),
    size=st.integers(1, 4),
    keys=st.sampled_from([PLAIN, KEYS]),
)
def test_three_transposes_become_one(
    query: int, size: int, keys: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    turn = "" if keys == KEYS else "turn = Transpose<perm = [0, 1, 3, 2]>(p1t) "
    scores = f"{turn}s = MatMul(p0t, {'p1t' if keys == KEYS else 'turn'}) y = MatMul(s, p2t)"
    model = heads([query, query, query], size, [PLAIN, keys, PLAIN], scores)
    counts = optimized(model, tmp_path_factory.mktemp("m"), MergeHeads())
    assert counts["Reshape"] == counts["Split"] == 1
    assert counts["Transpose"] == 2  # of the whole, and the swap that a product absorbs


def test_groups_of_unequal_count_go_together(tmp_path: Path) -> None:
    tail = "a = ReduceSum(p0t) b = ReduceMax(p1t) y = Sub(a, b)"
    model = heads([4, 2], 3, [PLAIN, PLAIN], tail)
    assert optimized(model, tmp_path, MergeHeads())["Transpose"] == 1


SUM = "a = ReduceSum(p0t) b = ReduceMax(p1t) y0 = Sub(a, b) "


@pytest.mark.parametrize(
    ("perms", "after"),
    [
        ([PLAIN, "2, 0, 1, 3"], SUM + "y = Identity(y0)"),
        ([PLAIN, KEYS], SUM + "y = Identity(y0)"),
        (["0, 1, 3, 2", "0, 1, 3, 2"], SUM + "y = Identity(y0)"),
        ([PLAIN, PLAIN], SUM + "c = ReduceMin(p1) y = Add(y0, c)"),
        ([PLAIN, PLAIN], SUM + "c = ReduceMin(p1r) y = Add(y0, c)"),
    ],
    ids=[
        "another order",
        "a swap that no product absorbs",
        "the heads would be among the last two axes",
        "a part is read twice",
        "the heads are read before they are turned",
    ],
)
def test_what_differs_stays(perms: list[str], after: str) -> None:
    model = heads([2, 2], 3, perms, after)
    before = print_ir(model)
    assert MergeHeads().run(model) == 0
    assert print_ir(model) == before


def test_heads_of_unequal_size_stay() -> None:
    weights = {"sizes": np.array([4, 6]), "a": np.array([2, 5, 2, 2]), "b": np.array([2, 5, 2, 3])}
    body = (
        "p, q = Split<axis = -1>(x, sizes) pr = Reshape(p, a) qr = Reshape(q, b)"
        " pt = Transpose<perm = [0, 2, 1, 3]>(pr) qt = Transpose<perm = [0, 2, 1, 3]>(qr)"
        " m = ReduceSum(pt) n = ReduceSum(qt) y = Add(m, n)"
    )
    assert MergeHeads().run(model_of(body, "float[2,5,10]", "float", **weights)) == 0
