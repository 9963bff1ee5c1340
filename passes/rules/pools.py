"""Pools that are other operators, or that kernels do not have: global, Lp, dilated, three axes."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce as fold
from typing import Any

import numpy as np

from mmc.ir import Node, Value, attrs, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, op, rewrite
from mmc.window import Axis, axes_of, flat, inside

from .explicit_windows import raised
from .parts import need_float, number, reduce, reshape

GLOBAL = {"GlobalAveragePool": "Mean", "GlobalMaxPool": "Max"}


@rewrite(op["GlobalAveragePool", "GlobalMaxPool"]("x").named("n"), stage="decompose")
def expand_global_pool(out: Builder, x: Value, n: Node) -> Value:
    """GlobalAveragePool(x), GlobalMaxPool(x)  ->  ReduceMean(x), ReduceMax(x) over space."""
    return reduce(out, GLOBAL[n.op_type], x, range(2, len(shape_of(x))))


@rewrite(op.GlobalLpPool("x").named("n"), stage="decompose")
def expand_global_lp_pool(out: Builder, x: Value, n: Node) -> Value:
    """y = sum(|x| ** p) ** (1 / p) over space."""
    need_float(x)
    axes, p = range(2, len(shape_of(x))), attrs(n)["p"]
    if p in (1, 2):
        return reduce(out, f"L{p}", x, axes)
    powers = reduce(out, "Sum", out.Pow(out.Abs(x), number(x, p)), axes)
    made: Value = out.Pow(powers, number(x, 1 / p))
    return made


def wants_places(n: Node) -> bool:
    """Say whether somebody asks for the places of a pool's maxima."""
    return len(n.outputs) > 1 and (bool(n.outputs[1].uses()) or n.outputs[1].is_graph_output())


def explicit_axes(x: Value, n: Node) -> list[Axis]:
    """Return the window's axes; refuse while pads are implicit or indices are wanted."""
    given = attrs(n)
    if given["auto_pad"] != "NOTSET" or given.get("ceil_mode"):
        raise NoMatch("its pads are not explicit yet")
    if wants_places(n):
        raise NoMatch("the places of the maxima are wanted")
    return axes_of(n, shape_of(x)[2:], tuple(given["kernel_shape"]))


def window(axes: list[Axis]) -> dict[str, Any]:
    """Return the attributes of a pool over these axes."""
    return {
        "kernel_shape": [a.kernel for a in axes],
        "strides": [a.stride for a in axes],
        "dilations": [a.dilation for a in axes],
        "pads": flat([(a.before, a.after) for a in axes]),
    }


@rewrite(op.LpPool("x").named("n"), stage="decompose")
def expand_lp_pool(out: Builder, x: Value, n: Node) -> Value:
    """y = sum(|x| ** p) ** (1 / p) = (mean(|x| ** p) * size) ** (1 / p); zero pads count."""
    need_float(x)
    axes, p = explicit_axes(x, n), attrs(n)["p"]
    powers: Value = out.Mul(x, x) if p == 2 else out.Abs(x)
    if p > 2:
        powers = out.Pow(powers, number(x, p))
    mean = out.node("AveragePool", [powers], count_include_pad=1, **window(axes))
    total: Value = out.Mul(mean, number(x, math.prod(a.kernel for a in axes)))
    if p == 1:
        return total
    made: Value = out.Sqrt(total) if p == 2 else out.Pow(total, number(x, 1 / p))
    return made


@rewrite(op.AveragePool("x").named("n"), stage="decompose")
def expand_average_pool_divisor(out: Builder, x: Value, n: Node) -> Value:
    """Mean over some positions  ->  mean over the whole window * (its size / their number).

    SAME windows without the pads stay, as kernels divide by that number themselves.
    """
    given = attrs(n)
    counted = bool(given.get("count_include_pad"))
    if given["auto_pad"] != "NOTSET" or bool(given.get("ceil_mode")) != counted:
        raise NoMatch("its pads are not explicit yet, or it counts them all")
    axes = axes_of(n, shape_of(x)[2:], tuple(given["kernel_shape"]))
    within = [(a.before, a.after) if counted else (0, 0) for a in axes]
    if counted:
        axes = [replace(a, after=raised(a, a.before, a.after)[1]) for a in axes]
    native = all(a.is_same and a.dilation == 1 for a in axes) and not counted
    if native or all(a.is_valid for a in axes):
        raise NoMatch("kernels divide by that number")
    y = out.node("AveragePool", [x], count_include_pad=1, **window(axes))
    ratios = [a.kernel / inside(a, *w) for a, w in zip(axes, within, strict=True)]
    made: Value = out.Mul(y, fold(np.multiply.outer, ratios).astype(dtype_of(x)))
    return made


@rewrite(op.AveragePool("x").named("n"), stage="decompose")
def expand_average_pool_dilated(out: Builder, x: Value, n: Node) -> Value:
    """A dilated mean  ->  a depthwise convolution by 1 / window size."""
    axes = explicit_axes(x, n)
    if all(a.dilation == 1 for a in axes) or len(axes) != 2:
        raise NoMatch("its window has no gaps, or more than two axes")
    if not attrs(n).get("count_include_pad") and not all(a.is_valid for a in axes):
        raise NoMatch("the pads are left out of the mean")
    kernel = tuple(a.kernel for a in axes)
    channels = shape_of(x)[1]
    w = np.full((channels, 1, *kernel), 1 / math.prod(kernel), dtype_of(x))
    options = window(axes)
    options.pop("kernel_shape")
    made: Value = out.node("Conv", [x, w], group=channels, **options)
    return made


@rewrite(op.MaxPool("x").named("n"), stage="decompose")
def expand_max_pool_dilated(out: Builder, x: Value, n: Node) -> Value:
    """A dilated maximum  ->  the maximum of shifted, strided slices, one axis after the other."""
    need_float(x)
    axes = explicit_axes(x, n)
    if all(a.dilation == 1 for a in axes):
        raise NoMatch("its window has no gaps")
    pads = flat([(0, 0), (0, 0), *((a.before, a.needed_after) for a in axes)])
    y: Value = out.Pad(x, np.array(pads, np.int64), number(x, -np.inf)) if any(pads) else x
    for number_of_axis, a in enumerate(axes, start=2):
        reach = a.stride * (a.result - 1) + 1
        parts = [
            out.Slice(y, [i], [i + reach], [number_of_axis], [a.stride])
            for i in range(0, a.span, a.dilation)
        ]
        y = fold(lambda left, right: out.Max(left, right), parts)
    return y


@rewrite(op["MaxPool", "AveragePool"]("x").named("n"), stage="decompose")
def expand_pool_3d(out: Builder, x: Value, n: Node) -> Value:
    """A pool over (D, H, W)  ->  one over (H, W), then one over D: both are separable."""
    axes = explicit_axes(x, n)
    if len(axes) != 3 or any(a.dilation != 1 for a in axes):
        raise NoMatch("it is not over three axes, or dilated")
    batch, channels, depth, *plane = shape_of(x)
    counted = {"count_include_pad": attrs(n).get("count_include_pad")}
    flat_x = reshape(out, x, (batch, channels * depth, *plane))
    options: dict[str, Any] = counted if n.op_type == "AveragePool" else {}
    y = out.node(n.op_type, [flat_x], **window(axes[1:]), **options)
    rest = math.prod(a.result for a in axes[1:])
    whole = Axis(rest, 1, 1, 1, 0, 0)
    y = reshape(out, y, (batch, channels, depth, rest))
    y = out.node(n.op_type, [y], **window([axes[0], whole]), **options)
    return reshape(out, y, shape_of(n.outputs[0]))
