"""Attention in the operators that every NPU has: heads as an axis, products, softmax."""

from __future__ import annotations

import math

import numpy as np

from mmc.ir import Node, Value, attrs, dtype_of, own_attrs, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

from .parts import need_float, number, reshape
from .scores import as_it_was, leaves_a_key

Shape = tuple[int, ...]

ATTENTION = op.Attention("q", "k", "v", maybe("mask")).named("n")
HEADS_LAST = (0, 2, 1, 3)
PLAIN = {"is_causal", "kv_num_heads", "q_num_heads", "scale", "softcap", "softmax_precision"}
"""Attributes of Attention that these rules read, or that say what shapes say already."""


@rewrite(ATTENTION, stage="heads", contract=Contract.EXACT)
def attention_of_three_axes(out: Builder, q: Value, k: Value, v: Value, n: Node) -> Value:
    """attention(q, k, v)  ->  merge(attention(heads(q), heads(k), heads(v))).

    Shapes: q (batch, queries, heads * size); heads(x) = transpose(reshape(x)).
    """
    if len(shape_of(q)) != 3:
        raise NoMatch("its heads are an axis")
    if set(n.attributes) - PLAIN or len(n.outputs) > 1 or len(n.inputs) > 4:
        raise NoMatch("its standard definition serves: caches, or more results")
    given = attrs(n)
    counts = (given["q_num_heads"], given["kv_num_heads"], given["kv_num_heads"])
    operands = []
    for x, heads in zip((q, k, v), counts, strict=True):
        batch, length, width = shape_of(x)
        split = out.Reshape(x, [batch, length, heads, width // heads])
        operands.append(out.Transpose(split, perm=HEADS_LAST))
    kept = {k: v for k, v in own_attrs(n).items() if "num_heads" not in k}
    y = out.node("Attention", [*operands, *n.inputs[3:]], **kept)
    return out.Reshape(out.Transpose(y, perm=HEADS_LAST), list(shape_of(n.outputs[0])))


@rewrite(ATTENTION, stage="decompose")
def attention_of_heads(
    out: Builder, q: Value, k: Value, v: Value, mask: Value | None, n: Node
) -> Value:
    """y = softmax(scale q kᵀ + mask) v, for q, k, v (batch, heads, length, size), one result.

    Where g queries' heads share a key's, their rows lie below each other in one product: keys and
    values are read as they are, not g times (Ainslie et al. 2023, "GQA").
    """
    need_float(q)
    if len(shape_of(q)) != 4:
        raise NoMatch("its heads are side by side on one axis")
    mask = check(shape_of(q), shape_of(k), mask, n)
    given, (batch, heads, queries, size) = attrs(n), shape_of(q)
    groups, keys = shape_of(k)[1:3]
    rows = (batch, groups, heads // groups * queries)
    scale = given.get("scale") or 1 / math.sqrt(size)
    scaled = reshape(out, out.Mul(q, number(q, scale)), (*rows, size))
    scores = out.MatMul(scaled, out.Transpose(k, perm=[0, 1, 3, 2]))
    masks: list[object] = [] if mask is None else [mask]
    if given["is_causal"] == 1:
        masks.append(np.triu(np.full((queries, keys), -np.inf, dtype_of(q)), 1))
    if masks:
        scores = reshape(out, scores, (batch, heads, queries, keys))
        for each in masks:
            scores = out.Add(scores, each)
    weights = reshape(out, out.Softmax(scores, axis=3), (*rows, keys))
    return reshape(out, out.MatMul(weights, v), shape_of(n.outputs[0]))


def check(query: Shape, key: Shape, mask: Value | None, n: Node) -> Value | None:
    """Return what is added to the scores, for a plain softmax.

    Shapes: query and key are those of (batch, heads, length, size).

    Raises:
        NoMatch: for what only the standard definition of Attention covers.
    """
    given = attrs(n)
    if set(n.attributes) - PLAIN or len(n.outputs) > 1 or len(n.inputs) > 4:
        raise NoMatch("its standard definition serves: caches, or more results")
    if given.get("softcap") or given.get("softmax_precision", 1) != 1:
        raise NoMatch("its scores are capped, or computed in another type")
    if given["is_causal"] == 1 and (query[2] != key[2] or mask is not None):
        raise NoMatch("which keys are later depends on more than the places")
    if mask is None:
        return None
    if shape_of(mask)[-1] != key[2]:
        raise NoMatch("the mask is shorter than the keys")
    if (plain := as_it_was(mask)) is not None:
        return plain
    if dtype_of(mask).kind == "b" or not leaves_a_key([mask]):
        raise NoMatch("a row of the mask may hide every key")
    return mask
