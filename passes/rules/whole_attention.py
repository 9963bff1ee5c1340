"""Attention as the one operator that Core ML has for it from iOS 18 on."""

from __future__ import annotations

import math

import numpy as np

from mmc.ir import Node, Value, attrs, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

from .attention_heads import HEADS_LAST, check
from .parts import need_float, number

Shape = tuple[int, ...]


@rewrite(op.Attention("q", "k", "v", maybe("mask")).named("n"), stage="whole-attention")
def whole_attention(
    out: Builder, q: Value, k: Value, v: Value, mask: Value | None, n: Node
) -> Value:
    """attention(q, k, v, mask)  ->  ScaledDotProductAttention(q, k, v, mask).

    Shapes: q (batch, heads, queries, size), k (batch, heads, keys, size), or the heads side by side
    on a third axis; they are given one of their own.
    """
    need_float(q)
    given, packed = attrs(n), len(shape_of(q)) == 3
    shapes = [shape_with_heads(n, position) for position in range(3)]
    query, key, value = shapes
    if query[:2] != key[:2] or key[:3] != value[:3]:
        raise NoMatch("heads share a key")
    mask = check(query, key, mask, n)
    operands: list[object] = [
        out.Transpose(out.Reshape(x, [s[0], s[2], s[1], s[3]]), perm=HEADS_LAST) if packed else x
        for x, s in zip((q, k, v), shapes, strict=True)
    ]
    keys, size = key[2:]
    factor = (given.get("scale") or 1 / math.sqrt(size)) * math.sqrt(size)
    if not math.isclose(factor, 1, rel_tol=1e-6):
        operands[0] = out.Mul(operands[0], number(q, factor))
    if given["is_causal"] == 1:
        operands.append(np.triu(np.full((keys, keys), -np.inf, dtype_of(q)), 1))
    elif mask is not None:
        operands.append(mask)
    y: Value = out.mmc.ScaledDotProductAttention(*operands)
    if packed:
        y = out.Reshape(out.Transpose(y, perm=HEADS_LAST), list(shape_of(n.outputs[0])))
    return y


def shape_with_heads(n: Node, position: int) -> Shape:
    """Return an operand's (batch, heads, length, size)."""
    shape = shape_of(n.inputs[position])
    if len(shape) == 4:
        return shape
    heads = attrs(n)["kv_num_heads" if position else "q_num_heads"]
    return shape[0], heads, shape[1], shape[2] // heads
