"""Rotary position embeddings in the operators that every NPU has."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, own_attrs, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

from .attention_heads import HEADS_LAST
from .parts import need_float

ROTATION = op.RotaryEmbedding("x", "cos", "sin", maybe("places")).named("n")


@rewrite(ROTATION, stage="heads", contract=Contract.EXACT)
def rotation_of_three_axes(out: Builder, x: Value, n: Node) -> Value:
    """rotary(x)  ->  merge(rotary(heads(x))), for x (batch, length, heads * size)."""
    given, shape = attrs(n), shape_of(x)
    if len(shape) != 3 or not given["num_heads"]:
        raise NoMatch("its heads are an axis")
    batch, length, width = shape
    split = out.Reshape(x, [batch, length, given["num_heads"], width // given["num_heads"]])
    kept = own_attrs(n) | {"num_heads": None}
    heads = out.Transpose(split, perm=HEADS_LAST)
    turned = out.node("RotaryEmbedding", [heads, *n.inputs[1:]], **kept)
    return out.Reshape(out.Transpose(turned, perm=HEADS_LAST), list(shape))


@rewrite(ROTATION, stage="decompose")
def rotation_of_halves(
    out: Builder, x: Value, cos: Value, sin: Value, places: Value | None, n: Node
) -> Value:
    """rotary(x, cos, sin)  ->  x [cos, cos] + [high(x), low(x)] [-sin, sin], for known angles.

    Shapes: x (batch, heads, length, size). Su et al. 2021, "RoFormer", eq. 34, for halves.
    """
    need_whole(x, n)
    if attrs(n)["interleaved"]:
        raise NoMatch("it turns pairs")
    c, s = (angles(v, places, shape_of(x)) for v in (cos, sin))
    low, high = out.node("Split", [x], outputs=2, axis=3, num_outputs=2)
    turned = out.Concat(high, low, axis=3)
    whole, signed = (np.concatenate(pair, axis=3) for pair in ((c, c), (-s, s)))
    made: Value = out.Add(out.Mul(x, whole), out.Mul(turned, signed))
    return made


def need_whole(x: Value, n: Node) -> None:
    """Refuse all but floats of four axes that are turned in their whole size."""
    need_float(x)
    if attrs(n).get("rotary_embedding_dim") or len(shape_of(x)) != 4:
        raise NoMatch("its standard definition serves: a part of the size, or three axes")


@rewrite(ROTATION, stage="decompose")
def rotation_of_pairs(
    out: Builder, x: Value, cos: Value, sin: Value, places: Value | None, n: Node
) -> Value:
    """rotary(x, cos, sin, pairs)  ->  x [c0 c0 c1 c1 ...] + [x1 x0 x3 x2 ...] [-s0 s0 -s1 s1 ...].

    Shapes as for computed angles.
    """
    need_whole(x, n)
    if not attrs(n)["interleaved"]:
        raise NoMatch("it turns halves")
    shape, kind = shape_of(x), dtype_of(x)
    order = np.arange(shape[3])
    signs = np.where(order % 2, 1, -1).astype(kind)
    swapped = out.Gather(x, order ^ 1, axis=3)
    if all(constant(v) is not None for v in (cos, sin, places) if v is not None):
        known = [np.repeat(angles(v, places, shape), 2, axis=3) for v in (cos, sin)]
        made: Value = out.Add(out.Mul(x, known[0]), out.Mul(swapped, known[1] * signs))
    else:
        rows = rows_of(out, cos, sin, places, shape)
        c, s = (out.Gather(v, order // 2, axis=3) for v in rows)
        made = out.Add(out.Mul(x, c), out.Mul(swapped, out.Mul(s, signs)))
    return made


def rows_of(
    out: Builder, cos: Value, sin: Value, places: Value | None, shape: tuple[int, ...]
) -> list[Value]:
    """Record cosines and sines of every place: (batch, 1, length, size / 2)."""
    rows = [v if places is None else out.Gather(v, places) for v in (cos, sin)]
    return [out.Reshape(v, [shape[0], 1, shape[2], shape[3] // 2]) for v in rows]


@rewrite(ROTATION, stage="decompose")
def rotation_by_computed_angles(
    out: Builder, x: Value, cos: Value, sin: Value, places: Value | None, n: Node
) -> Value:
    """rotary(x, cos, sin)  ->  [low cos - high sin, high cos + low sin], for computed angles.

    Shapes: x (batch, heads, length, size), cos and sin (batch, length, size / 2), or tables
    (all lengths, size / 2) of which `places` (batch, length) takes rows.
    """
    need_whole(x, n)
    if attrs(n)["interleaved"]:
        raise NoMatch("it turns pairs")
    shape = shape_of(x)
    if all(constant(v) is not None for v in (cos, sin, places) if v is not None):
        raise NoMatch("its angles are constant")
    c, s = rows_of(out, cos, sin, places, shape)
    low, high = out.node("Split", [x], outputs=2, axis=3, num_outputs=2)
    turned = out.Sub(out.Mul(low, c), out.Mul(high, s)), out.Add(out.Mul(high, c), out.Mul(low, s))
    made: Value = out.Concat(*turned, axis=3)
    return made


def angles(cache: Value, places: Value | None, shape: tuple[int, ...]) -> Array:
    """Return the cosines or sines of every place: (batch or 1, 1, length, size / 2)."""
    known = constant(cache)
    index = None if places is None else constant(places)
    if known is None or (places is not None and index is None):
        raise NoMatch("its angles are computed")
    rows = known if index is None else known[index]
    if rows.shape[1] != shape[2]:
        raise NoMatch("there are more angles than places")
    if (rows == rows[:1]).all():
        rows = rows[:1]
    found: Array = rows[:, None]
    return found
