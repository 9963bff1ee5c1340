"""Einsum and DepthToSpace through the whole flow, against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lowering import counts, run_both, single

CASES = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
    ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
    ("bhwkc,hkc->bhwk", [(2, 3, 4, 5, 6), (3, 5, 6)]),
    ("...ij->...ji", [(2, 3, 4)]),
    ("bij->b", [(2, 3, 4)]),
    ("bij, bjk", [(2, 3, 4), (2, 4, 5)]),
    ("i,j->ij", [(3,), (4,)]),
    ("i,i", [(5,), (5,)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 4), (1, 5, 4, 2)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
    ("ij,ij->ij", [(2, 3), (2, 3)]),
    ("bnc,nc->bn", [(2, 3, 4), (3, 4)]),
]


@pytest.mark.parametrize(("equation", "shapes"), CASES)
def test_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    run_both(single("Einsum", *shapes, equation=equation))


@pytest.mark.parametrize(
    ("equation", "weight"),
    [("ibh,hnd->ibnd", (16, 2, 8)), ("ibh,ndh->bnid", (2, 8, 16)), ("hk,bih->bik", (16, 8))],
)
def test_a_sum_with_a_weight_is_one_layer(equation: str, weight: tuple[int, ...]) -> None:
    """Projections of attention with their heads' axes; the order of operands is the exporter's."""
    constant = np.random.default_rng(0).standard_normal(weight).astype(np.float32)
    operands: list[Any] = [(3, 4, 16), constant]
    if equation.startswith("hk"):
        operands = operands[::-1]
    codes = run_both(single("Einsum", *operands, equation=equation))
    assert counts(codes).get("FULLY_CONNECTED") == 1
    assert "BATCH_MATMUL" not in codes


DIAGONALS = [
    ("ii->i", [(3, 3)]),
    ("ii", [(4, 4)]),
    ("bii->bi", [(2, 3, 3)]),
    ("ibi->bi", [(3, 2, 3)]),
    ("iiij->ij", [(3, 3, 3, 2)]),
    ("iijj->ij", [(2, 2, 3, 3)]),
    ("ii->i", [(1, 1)]),
    ("...ii->...i", [(2, 4, 3, 3)]),
    ("bii,bi->b", [(2, 3, 3), (2, 3)]),
    ("ii,jj->ij", [(3, 3), (2, 2)]),
]


@pytest.mark.parametrize(("equation", "shapes"), DIAGONALS)
def test_a_label_twice_in_one_operand_is_its_diagonal(
    equation: str, shapes: list[tuple[int, ...]]
) -> None:
    run_both(single("Einsum", *shapes, equation=equation))


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(mode: str) -> None:
    run_both(single("DepthToSpace", (2, 12, 3, 4), blocksize=2, mode=mode))


def test_space_to_depth() -> None:
    run_both(single("SpaceToDepth", (2, 3, 4, 6), blocksize=2))
