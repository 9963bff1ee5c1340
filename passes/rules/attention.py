"""Scaled dot-product attention, recognised in products around a softmax (stage `attention`)."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from mmc.ir import Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, const, either, maybe, op, rewrite

from .reshapes import perm_of
from .scores import (
    Heads,
    Scores,
    each_once,
    heads_of,
    leaves_a_key,
    mask_of,
    read,
    scaled,
    swapped,
)

attend = partial(rewrite, stage="attention")

SOFTMAX = op.Softmax("scores").named("softmax")
WITHOUT_NAN = op.Where(op.IsNaN(SOFTMAX), const("zero", 0), SOFTMAX)
"""What makes the result of a query that sees no key 0, as Attention does."""
HEADS_LAST = (0, 2, 1, 3)


@attend(op.MatMul(either(WITHOUT_NAN, SOFTMAX), "v").named("n"))
def scaled_dot_product(out: Builder, scores: Value, v: Value, softmax: Node, n: Node) -> Value:
    """softmax(scale q kᵀ + mask) v  ->  attention(q, k, v, mask), with tanh around the scores too.

    Shapes: q (batch, heads, queries, size); k, v may have fewer heads, each repeated in turn.
    """
    rank = len(shape_of(scores))
    if rank not in (3, 4) or dtype_of(scores) != np.float32:
        raise NoMatch("scores are float32 of rank 3 or 4")
    if attrs(softmax)["axis"] not in (-1, rank - 1):
        raise NoMatch("the softmax does not run over the keys")
    found = read(out, scores)
    if n.inputs[0] is softmax.outputs[0]:
        sees = leaves_a_key(found.masks)
        if sees is False:
            raise NoMatch("a query sees no key: its result would be 0, not NaN")
        found.may_hide_all = sees is None
    return grouped(out, found, v) if rank == 4 else single(out, found, v)


@attend(op.MatMul("v", op.Transpose(SOFTMAX).named("turn")))
def values_of_features_first(
    out: Builder, v: Value, scores: Value, softmax: Node, turn: Node
) -> Value:
    """v transpose(softmax)  ->  transpose(softmax transpose(v)), for values (.., size, keys)."""
    order = list(range(len(shape_of(scores))))
    if constant(v) is not None:
        raise NoMatch("the values are constant")
    if list(perm_of(turn)) != swapped(order) or len(shape_of(v)) != len(order):
        raise NoMatch("the softmax is not transposed alone, or broadcast")
    y = out.MatMul(softmax.outputs[0], out.Transpose(v, perm=swapped(order)))
    made: Value = out.Transpose(y, perm=swapped(order))
    return made


def grouped(out: Builder, found: Scores, v: Value) -> Value:
    """Record Attention of four axes."""
    q, scale = scaled(found.q)
    turned, other = scaled(found.turned)
    keys, values = heads_of(out, turned, turned=True), heads_of(out, v, turned=False)
    batch, heads, queries, size = shape_of(q)
    if keys.repeats != values.repeats or keys.shape[:3] != values.shape[:3]:
        raise NoMatch("keys and values have different heads")
    if keys.shape[0] != batch or heads % keys.shape[1] or keys.shape[3] != size:
        raise NoMatch("the heads of the queries are no multiple of those of the keys")
    mask, causal = masked(out, found, queries, keys.shape[2])
    scale *= other * found.scale
    return out.node(
        "Attention",
        [q, keys.value, values.value] + ([] if mask is None else [mask]),
        scale=other_than_default(scale, size),
        is_causal=causal,
        softcap=found.cap or None,
    )


def single(out: Builder, found: Scores, v: Value) -> Value:
    """Record Attention of three axes: one head, its batch is all that q, k and v have."""
    q, scale = scaled(found.q)
    turned, other = scaled(found.turned)
    keys: Heads = heads_of(out, turned, turned=True)
    batch, queries, size = shape_of(q)
    if keys.shape[0] != batch or shape_of(v)[0] != batch or keys.shape[2] != size:
        raise NoMatch("the batches differ")
    mask, causal = masked(out, found, queries, keys.shape[1])
    if mask is not None and constant(mask) is None:
        raise NoMatch("a computed mask of three axes")
    if mask is not None and len(mask.shape or ()) == 3:
        mask = out.lift(np.asarray(constant(mask))[:, None])
    scale *= other * found.scale
    return out.node(
        "Attention",
        [q, keys.value, v] + ([] if mask is None else [mask]),
        scale=other_than_default(scale, size),
        is_causal=causal,
        softcap=found.cap or None,
        q_num_heads=1,
        kv_num_heads=1,
    )


def masked(out: Builder, found: Scores, queries: int, keys: int) -> tuple[Value | None, int | None]:
    """Return the mask that is left, and whether it only hid later keys."""
    mask = mask_of(out, found, queries, keys)
    known = constant(mask)
    if known is None or known.ndim != 2 or queries != keys:
        return mask, None
    causal = np.where(np.tri(queries, dtype=bool), np.float32(0), np.float32(-np.inf))
    return (None, 1) if np.array_equal(known, causal) else (mask, None)


def other_than_default(scale: float, size: int) -> float | None:
    """Return the scale, or None where it is Attention's own, which takes the root of any."""
    if scale <= 0:
        raise NoMatch("the scale is not positive")
    return None if math.isclose(scale, 1 / math.sqrt(size), rel_tol=1e-6) else scale


ATTENTION = op.Attention("q", "k", "v", maybe("mask")).named("n")


@attend(op.Reshape(op.Transpose(ATTENTION, perm=HEADS_LAST), "shape").named("result"))
def attention_of_packed_heads(
    out: Builder, q: Value, k: Value, v: Value, mask: Value | None, n: Node, result: Node
) -> Value:
    """merge(attention(heads(q), heads(k), heads(v)))  ->  attention(q, k, v, q_num_heads).

    heads(x) = transpose(reshape(x)) is what Attention does itself with operands of three axes.
    """
    gain = 2 + sum(1 if comes_from_heads(x) else -2 for x in (q, k, v))
    if gain <= 0 or shape_of(q)[0] != shape_of(k)[0]:
        raise NoMatch("its operands are not made by splitting heads")
    operands = [packed(out, x) for x in (q, k, v)] + ([] if mask is None else [mask])
    y = out.again(n, operands, q_num_heads=shape_of(q)[1], kv_num_heads=shape_of(k)[1])
    batch, heads, length, size = shape_of(n.outputs[0])
    wanted = shape_of(result.outputs[0])
    whole = (batch, length, heads * size)
    merged: Value = y if wanted == whole else out.Reshape(y, list(wanted))
    return merged


@attend(op.Transpose(op.Reshape(ATTENTION, "shape").named("flat"), perm=(1, 0, 2)))
def merge_heads_of_one(out: Builder, n: Node, flat: Node) -> Value:
    """transpose(reshape(attention(q, k, v)))  ->  reshape(transpose(attention)), for a batch of 1.

    So that what merges heads reads the same with and without an axis of the batch.
    """
    shape = shape_of(n.outputs[0])
    if shape != (1, *shape_of(flat.outputs[0])):
        raise NoMatch("the reshape does more than drop the axis of the batch")
    y = out.again(n, n.inputs)
    _, heads, length, size = shape
    return out.Reshape(out.Transpose(y, perm=HEADS_LAST), [length, heads, size])


@attend(ATTENTION)
def attention_of_repeated_heads(
    out: Builder, q: Value, k: Value, v: Value, mask: Value | None, n: Node
) -> Value:
    """attention(q, repeat(k), repeat(v))  ->  attention(q, k, v): heads are shared by groups."""
    if len(shape_of(q)) != 4 or len(n.inputs) > 4 or len(n.outputs) > 1:
        raise NoMatch("its operands are packed, or it has caches")
    (keys, _, times), (values, _, as_many) = each_once(out, k, 1), each_once(out, v, 1)
    if times == 1 or times != as_many:
        raise NoMatch("keys and values are not repeated alike")
    return out.again(n, [q, keys, values] + ([] if mask is None else [mask]))


def comes_from_heads(x: Value) -> bool:
    """Say whether x is made by splitting heads, and perhaps rotated since."""
    made = x.producer()
    if made is None or made.inputs[0] is None:
        return False
    if shape_of(x)[1] == 1 and made.op_type == "Reshape":
        return True
    if made.op_type == "RotaryEmbedding":
        return len(x.uses()) == 1 and comes_from_heads(made.inputs[0])
    return made.op_type == "Transpose" and perm_of(made) == HEADS_LAST


def packed(out: Builder, x: Value) -> Value:
    """Return (batch, length, heads * size) of x (batch, heads, length, size)."""
    made = x.producer()
    batch, heads, length, size = shape_of(x)
    if made is not None and made.op_type == "RotaryEmbedding" and comes_from_heads(x):
        assert made.inputs[0] is not None
        source = packed(out, made.inputs[0])
        return out.again(made, [source, *made.inputs[1:]], num_heads=heads)
    if heads == 1:
        return out.Reshape(x, [batch, length, size])
    if made is not None and comes_from_heads(x):
        return out.Reshape(made.inputs[0], [batch, length, heads * size])
    return out.Reshape(out.Transpose(x, perm=HEADS_LAST), [batch, length, heads * size])
