"""Softmax and LogSoftmax recognised in their formulas."""

from __future__ import annotations

from mmc.ir import Node, Value, attrs, shape_of
from mmc.passes.rules.reductions import axes_of
from mmc.passes.rules.reshapes import perm_of
from mmc.pattern import Builder, NoMatch, const, op, rewrite

STABLE = op.Exp(op.Sub("x", op.ReduceMax("x", const("axes")).named("peak")))


@rewrite(op.Div(STABLE, op.ReduceSum(STABLE, const("axis")).named("total")), stage="recognize")
def recognize_softmax(out: Builder, x: Value, peak: Node, total: Node) -> Value:
    """exp(x - max x) / sum(exp(x - max x))  ->  softmax(x)."""
    if axes_of(peak) != axes_of(total) or not attrs(peak)["keepdims"]:
        raise NoMatch("maximum and sum run over different axes")
    return normalized(out, x, total)


EXPONENTIAL = op.Exp("x")


@rewrite(
    op.Div(EXPONENTIAL, op.ReduceSum(EXPONENTIAL, const("axis")).named("total")), stage="recognize"
)
def softmax_without_max(out: Builder, x: Value, total: Node) -> Value:
    """exp(x) / sum(exp(x))  ->  softmax(x)."""
    return normalized(out, x, total)


def normalized(out: Builder, x: Value, total: Node, op_type: str = "Softmax") -> Value:
    """Record a Softmax (or LogSoftmax) over the one axis that `total` sums over."""
    axes = axes_of(total)
    if len(axes) != 1 or not attrs(total)["keepdims"]:
        raise NoMatch("the sum does not run over one axis, kept")
    last = axes[0] == len(shape_of(x)) - 1
    return out.node(op_type, [x], axis=None if last else axes[0])


@rewrite(op.Log(op.Softmax("x").named("inner")), stage="recognize")
def log_softmax(out: Builder, x: Value, inner: Node) -> Value:
    """log(softmax(x))  ->  logsoftmax(x)."""
    return out.LogSoftmax(x, axis=attrs(inner)["axis"])


@rewrite(op.Sub("x", op.ReduceLogSumExp("x", const("axis")).named("total")), stage="recognize")
def log_softmax_of_sum(out: Builder, x: Value, total: Node) -> Value:
    """x - log(sum(exp(x)))  ->  logsoftmax(x)."""
    return normalized(out, x, total, "LogSoftmax")


@rewrite(
    op.Transpose(
        op["Softmax", "LogSoftmax"](op.Transpose("x").named("there")).named("inner")
    ).named("back"),
    stage="recognize",
)
def softmax_between_transposes(
    out: Builder, x: Value, there: Node, inner: Node, back: Node
) -> Value:
    """transpose(softmax(transpose(x)))  ->  softmax(x), where both transposes cancel."""
    perm = perm_of(there)
    if [perm[i] for i in perm_of(back)] != sorted(perm):
        raise NoMatch("the transposes do not cancel")
    return out.node(inner.op_type, [x], axis=perm[attrs(inner)["axis"]])


@rewrite(op.Exp(op.LogSoftmax("x").named("inner")), stage="recognize")
def softmax_of_log_softmax(out: Builder, x: Value, inner: Node) -> Value:
    """exp(logsoftmax(x))  ->  softmax(x)."""
    return out.Softmax(x, axis=attrs(inner)["axis"])


@rewrite(
    op.Sub("x", op.Log(op.ReduceSum(op.Exp("x"), const("axis")).named("total"))), stage="recognize"
)
def log_softmax_of_exponentials(out: Builder, x: Value, total: Node) -> Value:
    """x - log(sum(exp(x)))  ->  logsoftmax(x)."""
    return normalized(out, x, total, "LogSoftmax")


@rewrite(
    op["Softmax", "LogSoftmax"](
        op.Sub("x", op["ReduceMax", "ReduceMean"]("y", const("axes")).named("offset"))
    ).named("n"),
    stage="recognize",
)
def softmax_of_difference(out: Builder, x: Value, offset: Node, n: Node) -> Value:
    """softmax(x - max(y))  ->  softmax(x), for an offset that is the same along the axis."""
    axis = attrs(n)["axis"]
    if not attrs(offset)["keepdims"] or axis % len(shape_of(x)) not in axes_of(offset):
        raise NoMatch("the offset differs along the axis")
    return out.node(n.op_type, [x], axis=axis)
