"""Reductions of a function of x, by the plain ones, and the norm recognised in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, dtype_of
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite


def like(out: Builder, op_type: str, x: Value, axes: Value | None, n: Node) -> Any:
    """Return a plain reduction over the axes of `n`."""
    given = attrs(n)
    keep, noop = given["keepdims"], given["noop_with_empty_axes"]
    return out.node(op_type, [x, axes], keepdims=keep, noop_with_empty_axes=noop)


@rewrite(op.ReduceL1("x", maybe("axes")).named("n"), stage="decompose")
def reduce_l1(out: Builder, x: Value, axes: Value | None, n: Node) -> Value:
    """reduce_l1(x)  ->  reduce_sum(|x|)."""
    return like(out, "ReduceSum", out.Abs(x), axes, n)  # type: ignore[no-any-return]


@rewrite(op.ReduceSumSquare("x", maybe("axes")).named("n"), stage="decompose")
def reduce_sum_square(out: Builder, x: Value, axes: Value | None, n: Node) -> Value:
    """reduce_sum_square(x)  ->  reduce_sum(x x)."""
    return like(out, "ReduceSum", out.Mul(x, x), axes, n)  # type: ignore[no-any-return]


@rewrite(op.ReduceL2("x", maybe("axes")).named("n"), stage="decompose")
def reduce_l2(out: Builder, x: Value, axes: Value | None, n: Node) -> Value:
    """reduce_l2(x)  ->  sqrt(reduce_sum(x x)); the root of integers is taken in float."""
    total = like(out, "ReduceSum", out.Mul(x, x), axes, n)
    return of_float(out, "Sqrt", total, x)


@rewrite(op.ReduceLogSum("x", maybe("axes")).named("n"), stage="decompose")
def reduce_log_sum(out: Builder, x: Value, axes: Value | None, n: Node) -> Value:
    """reduce_log_sum(x)  ->  log(reduce_sum(x))."""
    return of_float(out, "Log", like(out, "ReduceSum", x, axes, n), x)


def of_float(out: Builder, function: str, y: Value, x: Value) -> Value:
    """Return function(y) in x's type."""
    kind = x.dtype
    if kind is None or dtype_of(x).kind == "f":
        return out.node(function, [y])
    return out.Cast(out.node(function, [out.Cast(y, to=1)]), to=int(kind))


@rewrite(op.ReduceLogSumExp("x", maybe("axes")).named("n"), stage="decompose")
def reduce_log_sum_exp(out: Builder, x: Value, axes: Value | None, n: Node) -> Value:
    """reduce_log_sum_exp(x)  ->  log(reduce_sum(exp(x - m))) + m, m = max(reduce_max(x), lowest).

    The maximum keeps exp from overflowing; where all is -inf, m has to be finite.
    """
    given = attrs(n)
    noop = given["noop_with_empty_axes"]
    largest = out.ReduceMax(x, axes, keepdims=1, noop_with_empty_axes=noop)
    peak = out.Max(largest, np.array(np.finfo(dtype_of(x)).min, dtype_of(x)))
    total = like(out, "ReduceSum", out.Exp(out.Sub(x, peak)), axes, n)
    if not given["keepdims"]:
        peak = out.ReduceMax(peak, axes, keepdims=0, noop_with_empty_axes=noop)
    return out.Add(out.Log(total), peak)


SQUARES = op.ReduceSum(op.Mul("x", "x"), const("axes")).named("total")


@rewrite(op.Sqrt(SQUARES), stage="recognize")
def recognize_reduce_l2(out: Builder, x: Value, axes: Array, total: Node) -> Value:
    """sqrt(reduce_sum(x x))  ->  reduce_l2(x)."""
    return out.ReduceL2(x, axes, keepdims=attrs(total)["keepdims"])


@rewrite(
    op["ReduceL1", "ReduceL2", "ReduceSumSquare"](op.Abs("x"), maybe("axes")).named("n"),
    stage="canonicalize",
)
def norm_of_absolute(out: Builder, x: Value, axes: Value | None, n: Node) -> Value:
    """reduce_l2(|x|)  ->  reduce_l2(x), and what else takes no notice of signs."""
    return like(out, n.op_type, x, axes, n)  # type: ignore[no-any-return]


@rewrite(op.Sqrt(op.Clip(SQUARES, const("low"))), stage="recognize")
def clipped_reduce_l2(out: Builder, x: Value, axes: Array, total: Node, low: Array) -> Value:
    """sqrt(max(reduce_sum(x x), c))  ->  max(reduce_l2(x), sqrt(c)): L2 norms, where x is tiny."""
    if low.size != 1 or low.item() < 0:
        raise NoMatch("the least square is not one number that has a root")
    norm = out.ReduceL2(x, axes, keepdims=attrs(total)["keepdims"])
    return out.Clip(norm, np.sqrt(low))


@rewrite(
    op.Clip(
        op.Reciprocal(op["ReduceL2", "Sqrt"]("y", maybe("axes")).named("root")),
        maybe("low"),
        const("c"),
    ),
    stage="recognize",
)
def clip_of_reciprocal(out: Builder, root: Node, low: Value | None, c: Array) -> Value:
    """min(1 / ||y||, c)  ->  1 / max(||y||, 1 / c), as norms are not negative."""
    if low is not None or c.size != 1 or c.item() <= 0:
        raise NoMatch("the limit is not one positive number above")
    norm = out.again(root, root.inputs)
    return out.Reciprocal(out.Clip(norm, np.divide(1, c, dtype=c.dtype)))
