"""Rotary position embeddings in the operators that every NPU has."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, shape_of
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
    kept = {k: v for k, v in given.items() if k in n.attributes and k != "num_heads"}
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
    need_float(x)
    given, shape = attrs(n), shape_of(x)
    if given["interleaved"] or given.get("rotary_embedding_dim") or len(shape) != 4:
        raise NoMatch("its standard definition serves: pairs, a part of the size, or three axes")
    c, s = (angles(v, places, shape) for v in (cos, sin))
    low, high = out.node("Split", [x], outputs=2, axis=3, num_outputs=2)
    turned = out.Concat(high, low, axis=3)
    whole, signed = (np.concatenate(pair, axis=3) for pair in ((c, c), (-s, s)))
    made: Value = out.Add(out.Mul(x, whole), out.Mul(turned, signed))
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
