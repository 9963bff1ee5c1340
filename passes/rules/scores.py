"""Attention's scores taken apart: queries, keys, scale and masks; no rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mmc.ir import Node, Value, constant, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch

from .reshapes import perm_of

Shape = tuple[int, ...]
CERTAIN = -1e9
"""Added to a score, this or less leaves nothing of it: float32 has 7 digits."""


@dataclass
class Scores:
    """cap(scale * q kᵀ) + masks, with kᵀ as the graph has it, `turned` (..., size, keys).

    cap(s) is `cap` tanh(s / `cap`), or s where `cap` is 0.
    """

    q: Value
    turned: Value
    scale: float = 1.0
    cap: float = 0.0
    masks: list[Value] = field(default_factory=list)
    may_hide_all: bool = False


def lone(value: Value) -> Node:
    """Return the node that makes a value which nothing else reads; refuse others."""
    made = value.producer()
    if made is None or len(value.uses()) != 1 or value.is_graph_output():
        raise NoMatch(f"{value.name!r} is not made for the scores alone")
    return made


def number_of(value: Value | None) -> float | None:
    """Return the one number that a constant holds."""
    array = constant(value)
    return None if array is None or array.size != 1 else float(array.item())


def read(out: Builder, value: Value) -> Scores:
    """Return the parts of the scores that `value` holds; refuses what is no product."""
    node = lone(value)
    operands = [v for v in node.inputs if v is not None]
    if node.op_type == "MatMul":
        return Scores(operands[0], operands[1])
    if node.op_type == "Mul" and (factor := number_of(operands[1])) is not None:
        found = read(out, operands[0])
        if found.masks:
            raise NoMatch("the scale covers the mask")
        found.scale *= factor
        found.cap = abs(found.cap * factor)
        return found
    if node.op_type == "Mul":
        return scaled_by_head(out, operands)
    if node.op_type == "Tanh":
        return capped(out, operands[0])
    if node.op_type == "Add":
        return added(out, operands)
    if node.op_type == "Where":
        return chosen(out, operands)
    raise NoMatch(f"{node.op_type} {node.name!r} is no part of scores")


def scaled_by_head(out: Builder, operands: Sequence[Value]) -> Scores:
    """Return the parts of scores times one constant number a head, which the queries take."""
    factors = constant(operands[1])
    if factors is None or factors.shape[-2:] != (1, 1):
        raise NoMatch("the scores are not scaled by one number a head")
    found = read(out, operands[0])
    if found.masks or found.cap or factors.ndim > len(shape_of(found.q)):
        raise NoMatch("the scale of the heads covers the mask")
    scaled_q = out.Mul(found.q, factors)
    scaled_q.shape, scaled_q.type = found.q.shape, found.q.type
    found.q = scaled_q
    return found


def capped(out: Builder, value: Value) -> Scores:
    """Return the parts of tanh(value): what multiplies it is the cap, and a part of the scale."""
    found = read(out, value)
    if found.masks or found.cap:
        raise NoMatch("tanh covers the mask, or another tanh")
    found.cap = 1.0
    return found


def added(out: Builder, operands: Sequence[Value]) -> Scores:
    """Return the parts of a sum of scores and a mask, in either order."""
    for scores, mask in (operands, operands[::-1]):
        made = scores.producer()
        if made is not None and made.op_type in ("MatMul", "Mul", "Add", "Where", "Tanh"):
            try:
                found = gated(out, scores, mask) or read(out, scores)
            except NoMatch:
                continue
            found.masks.append(mask)
            return found
    raise NoMatch("neither summand is a product")


def gated(out: Builder, scores: Value, mask: Value) -> Scores | None:
    """Return the parts of scores times k, or times 0 where the mask hides them anyway."""
    made = scores.producer()
    factors = constant(made.inputs[1]) if made is not None and made.op_type == "Mul" else None
    hidden = constant(mask)
    if made is None or factors is None or hidden is None or factors.size < 2:
        return None
    product = lone(scores).inputs[0]
    low, high = sorted((float(factors.min()), float(factors.max())))
    zero, hides = np.broadcast_arrays(factors == 0, hidden <= CERTAIN)
    if low != 0 or high <= 0 or not np.isin(factors, (low, high)).all() or (zero & ~hides).any():
        return None
    found = read(out, product) if product is not None else None
    if found is None or found.masks:
        return None
    found.scale *= high
    found.cap *= high
    return found


def chosen(out: Builder, operands: Sequence[Value]) -> Scores:
    """Return the parts of where(c, scores, fill) or where(c, fill, scores): an additive mask."""
    c, left, right = operands
    fill = number_of(right) if number_of(left) is None else number_of(left)
    scores = left if number_of(left) is None else right
    if fill is None or dtype_of(scores) != np.float32:
        raise NoMatch("what replaces the scores is not one number")
    if fill > (CERTAIN if some_hidden_rows(c, scores is left) else -1e4):
        raise NoMatch(f"{fill} is not certain to hide a score")
    found = read(out, scores)
    pair = (np.float32(0), np.float32(fill))
    found.masks.append(either_of(out, c, pair if scores is left else pair[::-1], scores))
    return found


def either_of(out: Builder, c: Value, pair: Sequence[np.float32], like: Value) -> Value:
    """Return where(c, *pair), at once for a known condition: what it hides can be told then."""
    known = constant(c)
    mask: Value
    if known is not None:
        mask = out.lift(np.where(known, *pair))  # type: ignore[assignment]
    else:
        mask = out.Where(c, *pair)
        mask.shape, mask.type = c.shape, like.type
    return mask


def some_hidden_rows(c: Value, visible_if: bool) -> bool:
    """Say whether a condition may hide every key of a query."""
    known = constant(c)
    return known is None or not bool((known == visible_if).any(axis=-1).all())


def scaled(value: Value) -> tuple[Value, float]:
    """Return what a number multiplies, and the number (1 if there is none)."""
    made, factor = value.producer(), 1.0
    while made is not None and made.op_type == "Mul" and not made.domain:
        number = number_of(made.inputs[1])
        if number is None or len(value.uses()) != 1 or made.inputs[0] is None:
            break
        value, factor = made.inputs[0], factor * number
        made = value.producer()
    return value, factor


def swapped(perm: Sequence[int]) -> list[int]:
    """Return a permutation with its last two axes exchanged."""
    return [*perm[:-2], perm[-1], perm[-2]]


@dataclass
class Heads:
    """Keys or values (batch, heads, length, size), of which each serves `repeats` queries."""

    value: Value
    shape: Shape
    repeats: int = 1


def heads_of(out: Builder, value: Value, *, turned: bool) -> Heads:
    """Return keys (`turned`: the graph has them transposed) or values, each head once."""
    made, source = value.producer(), value
    rank = len(shape_of(value))
    order = list(range(rank))
    if made is not None and made.op_type == "Transpose" and made.inputs[0] is not None:
        order, source = list(perm_of(made)), made.inputs[0]
    order = swapped(order) if turned else order
    first, first_shape, repeats = source, shape_of(source), 1
    if rank == 4:
        first, first_shape, repeats = each_once(out, source, order[1])
    shape = tuple(first_shape[axis] for axis in order)
    if order == list(range(rank)):
        return Heads(first, shape, repeats)
    if repeats == 1 and not turned:
        return Heads(value, shape)
    return Heads(out.Transpose(first, perm=order), shape, repeats)


def each_once(out: Builder, value: Value, axis: int) -> tuple[Value, Shape, int]:
    """Return x, its shape and n, where value is x (.., h, ..) with each head repeated n times."""
    shape = shape_of(value)
    regrouped = value.producer()
    if regrouped is None or regrouped.op_type != "Reshape" or regrouped.inputs[0] is None:
        return value, shape, 1
    tiled = regrouped.inputs[0].producer()
    if tiled is None or tiled.op_type not in ("Tile", "Expand") or tiled.inputs[0] is None:
        return value, shape, 1
    once, wide, after = shape_of(tiled.inputs[0]), shape_of(tiled.outputs[0]), axis + 1
    if len(once) != len(wide) or len(wide) != len(shape) + 1 or once[after] != 1:
        return value, shape, 1
    count, x = wide[after], (*once[:after], *once[after + 1 :])
    repeated = (*x[:axis], x[axis] * count, *x[after:])
    if wide != (*once[:after], count, *once[after + 1 :]) or shape != repeated:
        return value, shape, 1
    return out.Reshape(tiled.inputs[0], list(x)), x, count


def mask_of(out: Builder, found: Scores, queries: int, keys: int) -> Value | None:
    """Return the sum of the masks, as long as queries and keys, which ONNX Runtime wants."""
    masks = found.masks
    if not masks:
        return None
    total, shape = masks[0], np.broadcast_shapes(*(shape_of(m) for m in masks))
    for mask in masks[1:]:
        total = out.Add(total, mask)
    wanted = (*shape[:-2], queries, keys)
    known = constant(total)
    if known is None:
        total = nan_where_all_is_hidden(out, total) if found.may_hide_all else total
        return total if shape == wanted else out.Expand(total, list(wanted))
    while len(wanted) > 2 and wanted[0] == 1:
        wanted = wanted[1:]
    wide = known.reshape(known.shape[-len(wanted) :])
    return out.lift(np.ascontiguousarray(np.broadcast_to(wide, wanted)))


def nan_where_all_is_hidden(out: Builder, mask: Value) -> Value:
    """Return mask + 0 max(mask): NaN for a query that sees no key, as its softmax is."""
    made: Value = out.Add(mask, out.Mul(out.ReduceMax(mask, [-1], keepdims=1), np.float32(0)))
    return made


def as_it_was(mask: Value) -> Value | None:
    """Return m of a mask m + 0 max(m) as `nan_where_all_is_hidden` makes it; None of another."""
    made = mask.producer()
    if made is not None and made.op_type == "Expand" and made.inputs[0] is not None:
        made = made.inputs[0].producer()
    if made is None or made.op_type != "Add":
        return None
    for plain, marks in (made.inputs, made.inputs[::-1]):
        product = marks.producer() if marks is not None else None
        if product is None or product.op_type != "Mul" or plain is None:
            continue
        factors = {number_of(v) for v in product.inputs}
        peaks = [n for v in product.inputs if v is not None and (n := v.producer()) is not None]
        if 0 in factors and [(n.op_type, n.inputs[0]) for n in peaks] == [("ReduceMax", plain)]:
            return plain
    return None


def leaves_a_key(masks: Sequence[Value]) -> bool | None:
    """Say whether every query sees a key; None if that is not known before the model runs.

    Where none is seen, softmax is NaN and Attention's result 0.
    """
    known = [array for m in masks if (array := constant(m)) is not None]
    if known and np.isneginf(sum(known)).all(axis=-1).any():
        return False
    computed = (m for m in masks if constant(m) is None)
    return None if any(may_be_infinite(m) for m in computed) else True


MOVES = frozenset({"Reshape", "Expand", "Transpose", "Slice", "Gather", "GatherND", "Tile"})
COMBINES = frozenset({"Add", "Sub", "Mul", "Min", "Max", "Concat"})


def may_be_infinite(value: Value) -> bool:
    """Say whether a value may hold an infinity, as far as a look at what makes it tells."""
    known, made = constant(value), value.producer()
    if known is not None:
        return known.dtype.kind == "f" and bool(np.isinf(known).any())
    if dtype_of(value).kind != "f":
        return False
    operands = [v for v in made.inputs if v is not None] if made is not None else []
    if made is None or made.domain:
        return True
    if made.op_type == "Where":
        return any(may_be_infinite(v) for v in operands[1:])
    if made.op_type in MOVES or made.op_type == "Cast":
        return may_be_infinite(operands[0])
    return made.op_type not in COMBINES or any(may_be_infinite(v) for v in operands)
