"""Reductions of a function of x, by the plain ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Node, Value, attrs, dtype_of
from mmc.pattern import Builder, maybe, op, rewrite


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
