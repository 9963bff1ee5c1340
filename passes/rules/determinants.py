"""Determinants of small matrices, as products and sums."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mmc.ir import Value, shape_of
from mmc.pattern import Builder, NoMatch, op, rewrite

from .parts import need_float, reshape

SIZE_LIMIT = 6
"""The largest matrix: the expansion has 2 ** n minors, and elimination is more exact beyond."""


@rewrite(op.Det("x"), stage="decompose")
def determinant(out: Builder, x: Value) -> Value:
    """det(x (…, n, n))  ->  Laplace's expansion: from the minors of one row to those of all.

    A minor of the rows m, m + 1, … is Σ ± x[m, c] * (the minor without row m and column c).
    """
    need_float(x)
    shape = shape_of(x)
    size = shape[-1]
    if not 0 < size <= SIZE_LIMIT:
        raise NoMatch(f"its matrices are {size} by {size}, more than {SIZE_LIMIT}")
    minors = row(out, x, size - 1)
    for count in range(2, size + 1):
        minors = expanded(out, row(out, x, size - count), minors, size, count)
    return reshape(out, minors, shape[:-2])


def row(out: Builder, x: Value, index: int) -> Value:
    """Return a row (…, n) of matrices."""
    made: Value = out.Gather(x, np.array(index, np.int64), axis=-2)
    return made


def expanded(out: Builder, first: Value, minors: Value, size: int, count: int) -> Value:
    """Return the minors of `count` rows, (…, choices of `count` columns), in combinations' order.

    Args:
        first: (…, size), their first row.
        minors: of their other rows, (…, choices of `count - 1` columns).
    """
    smaller = {columns: i for i, columns in enumerate(combinations(range(size), count - 1))}
    chosen = list(combinations(range(size), count))
    total: Value | None = None
    for place in range(count):
        own = np.array([columns[place] for columns in chosen], np.int64)
        rest = [smaller[columns[:place] + columns[place + 1 :]] for columns in chosen]
        entries, others = out.Gather(first, own, axis=-1), np.array(rest, np.int64)
        product = out.Mul(entries, out.Gather(minors, others, axis=-1))
        if total is None:
            total = product
        else:
            total = out.Sub(total, product) if place % 2 else out.Add(total, product)
    assert total is not None
    return total
