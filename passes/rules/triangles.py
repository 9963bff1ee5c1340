"""Triangular parts and identity matrices."""

from __future__ import annotations

import numpy as np

from mmc.ir import DataType, Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, maybe, op, rewrite


@rewrite(op.Trilu("x", maybe("k")).named("n"), stage="decompose", contract=Contract.EXACT)
def trilu(out: Builder, x: Value, k: Value | None, n: Node) -> Value:
    """trilu(x, k)  ->  where(column - row ≤ k, x, 0), or ≥ k for the upper part."""
    rows, columns = shape_of(x)[-2:]
    upper = attrs(n)["upper"]
    diagonal = np.arange(columns)[None, :] - np.arange(rows)[:, None]
    zero, known = np.zeros((), dtype_of(x)), constant(k)
    if k is None or known is not None:
        offset = 0 if known is None else int(known.item())
        inside = out.lift(diagonal >= offset if upper else diagonal <= offset)
    else:
        compare = "GreaterOrEqual" if upper else "LessOrEqual"
        inside = out.node(compare, [diagonal.astype(dtype_of(k)), k])
    return out.Where(inside, x, zero)


@rewrite(op.EyeLike("x").named("n"), stage="canonicalize", contract=Contract.EXACT)
def eye_like(out: Builder, x: Value, n: Node) -> Value:
    """eye_like(x)  ->  a constant matrix of x's shape."""
    given = attrs(n)
    kind = DataType(given["dtype"]).numpy() if given.get("dtype") else dtype_of(x)
    rows, columns = shape_of(x)
    matrix = np.eye(rows, columns, given["k"], dtype=kind)
    return out.Identity(matrix)
