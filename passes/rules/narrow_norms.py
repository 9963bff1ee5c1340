"""Norms of float16 that a model computes in float32: so do the operators themselves."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, dtype_of
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

NORM = op["LayerNormalization", "RMSNormalization"]


@rewrite(
    op.Cast(NORM(op.Cast("x"), const("scale"), maybe(const("bias"))).named("norm")).named("n"),
    stage="recognize",
)
def norm_between_casts(
    out: Builder, x: Value, scale: Array, bias: Array | None, norm: Node, n: Node
) -> Value:
    """float16(norm(float32(x)))  ->  norm(x), which is computed in float32 (stash_type 1)."""
    if dtype_of(x) != np.float16 or dtype_of(n.outputs[0]) != np.float16:
        raise NoMatch("it does not lie between float16 and float16")
    operands = [a.astype(np.float16) for a in (scale, bias) if a is not None]
    if any((a != b).any() for a, b in zip(operands, (scale, bias), strict=False)):
        raise NoMatch("float16 does not hold its scale or bias")
    given = {k: v for k, v in attrs(norm).items() if k in ("axis", "epsilon")}
    made: Value = out.node(norm.op_type, [x, *operands], **given)
    return made
