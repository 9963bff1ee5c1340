"""Attention of packed or grouped heads, brought to one key and value for each query's head."""

from __future__ import annotations

from mmc.ir import Node, Value, attrs, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

ATTENTION = op.Attention("q", "k", "v", maybe("mask")).named("n")
HEADS_LAST = (0, 2, 1, 3)
PLAIN = {"is_causal", "kv_num_heads", "q_num_heads", "scale", "softcap", "softmax_precision"}


def with_operands(out: Builder, n: Node, operands: list[Value]) -> Value:
    """Record an Attention of four axes with the options and the mask of `n`."""
    if set(n.attributes) - PLAIN or len(n.outputs) > 1 or len(n.inputs) > 4:
        raise NoMatch("its standard definition serves: caches, or more results")
    given = {k: v for k, v in attrs(n).items() if k in n.attributes and "num_heads" not in k}
    made: Value = out.node("Attention", [*operands, *n.inputs[3:]], **given)
    return made


@rewrite(ATTENTION, stage="decompose", contract=Contract.EXACT)
def attention_of_three_axes(out: Builder, q: Value, k: Value, v: Value, n: Node) -> Value:
    """attention(q, k, v)  ->  merge(attention(heads(q), heads(k), heads(v))).

    Shapes: q (batch, queries, heads * size); heads(x) = transpose(reshape(x)).
    """
    if len(shape_of(q)) != 3:
        raise NoMatch("its heads are an axis")
    given = attrs(n)
    counts = (given["q_num_heads"], given["kv_num_heads"], given["kv_num_heads"])
    operands = []
    for x, heads in zip((q, k, v), counts, strict=True):
        batch, length, width = shape_of(x)
        split = out.Reshape(x, [batch, length, heads, width // heads])
        operands.append(out.Transpose(split, perm=HEADS_LAST))
    y = with_operands(out, n, operands)
    return out.Reshape(out.Transpose(y, perm=HEADS_LAST), list(shape_of(n.outputs[0])))


@rewrite(ATTENTION, stage="decompose", contract=Contract.EXACT)
def attention_of_grouped_heads(out: Builder, q: Value, k: Value, v: Value, n: Node) -> Value:
    """attention(q, k, v)  ->  attention(q, repeat(k), repeat(v)), each head as often as it serves.

    Shapes: q (batch, heads, queries, size), k and v fewer heads.
    """
    if len(shape_of(q)) != 4 or shape_of(q)[1] == shape_of(k)[1]:
        raise NoMatch("every query's head has a key of its own")
    count = shape_of(q)[1] // shape_of(k)[1]
    repeated = []
    for x in (k, v):
        batch, heads, length, size = shape_of(x)
        apart = out.Reshape(x, [batch, heads, 1, length, size])
        wide = out.Tile(apart, [1, 1, count, 1, 1])
        repeated.append(out.Reshape(wide, [batch, heads * count, length, size]))
    return with_operands(out, n, [q, *repeated])
