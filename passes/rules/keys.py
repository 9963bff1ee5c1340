"""Attention's keys: their transpose split so that it matches those of queries and values."""

from __future__ import annotations

from mmc.ir import Node, Value, attrs, constant, shape_of
from mmc.pattern import Builder, NoMatch, op, rewrite


@rewrite(op.MatMul("a", op.Transpose("b").named("t")), stage="nhwc")
def keep_last_axis_of_keys(out: Builder, a: Value, b: Value, t: Node) -> Value:
    """a transpose(b, p)  ->  MatMulNT(a, transpose(b, p')), where p' leaves the last axis last."""
    rank = len(shape_of(b))
    perm = list(attrs(t).get("perm", range(rank)[::-1]))
    if constant(a) is not None or rank < 3 or perm[-2] != rank - 1:
        raise NoMatch("the last axis does not become the last but one")
    kept = [*perm[:-2], perm[-1], perm[-2]]
    keys = b if kept == list(range(rank)) else out.Transpose(b, perm=kept)
    return out.mmc.MatMulNT(a, keys)
