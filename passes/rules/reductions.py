"""Reductions in one spelling: sorted, positive, explicit axes; keepdims decided by what follows."""

from __future__ import annotations

from functools import partial

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, operand, shape_of
from mmc.pass_manager import Contract
from mmc.passes.rules.reshapes import reshape
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

exact = partial(rewrite, stage="canonicalize", contract=Contract.EXACT)
NAMES: tuple[str, ...] = (
    "ReduceMean",
    "ReduceSum",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL2",
)
NAMES += ("ReduceL1", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")


def axes_of(n: Node) -> list[int]:
    """Return a reduction's axes, counted from the front and sorted; [] when it does nothing."""
    x = n.inputs[0]
    rank = len(shape_of(x)) if x is not None else 0
    given = operand(n, 1)
    axes = constant(given)
    if given is not None and axes is None:
        raise NoMatch("the axes are computed")
    if axes is None or axes.size == 0:
        return [] if attrs(n)["noop_with_empty_axes"] else list(range(rank))
    return sorted(int(a) % rank for a in axes)


@exact(op[NAMES]("x", maybe("axes")).named("n"))
def explicit_axes(out: Builder, x: Value, axes: Value | None, n: Node) -> Value:
    """reduce(x)  ->  reduce(x, axes) with sorted axes that count from the front."""
    wanted, known = axes_of(n), constant(axes)
    if not wanted:
        raise NoMatch("it reduces nothing")
    if known is not None and known.tolist() == wanted and not attrs(n)["noop_with_empty_axes"]:
        raise NoMatch("the axes are explicit")
    return out.node(n.op_type, [x, wanted], keepdims=attrs(n)["keepdims"])


@exact(op["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"]("x", const("axes")).named("n"))
def reduce_of_single(out: Builder, x: Value, n: Node) -> Value:
    """reduce(x)  ->  x or reshape(x), over axes of size 1 only."""
    shape = shape_of(x)
    if any(shape[a] != 1 for a in axes_of(n)) or not shape:
        raise NoMatch("it reduces")
    return x if attrs(n)["keepdims"] else reshape(out, x, shape_of(n.outputs[0]))


@exact(op.Reshape(op[NAMES]("x", const("axes")).named("inner"), "shape").named("outer"))
def reduce_reshape(out: Builder, x: Value, inner: Node, outer: Node) -> Value:
    """reshape(reduce(x))  ->  reduce(x, keepdims), where the reshape only drops or adds ones."""
    axes, shape = axes_of(inner), shape_of(x)
    kept = tuple(1 if i in axes else d for i, d in enumerate(shape))
    dropped = tuple(d for i, d in enumerate(shape) if i not in axes)
    wanted = shape_of(outer.outputs[0])
    if wanted not in (kept, dropped):
        raise NoMatch("the reshape does more than drop the reduced axes")
    keepdims = int(wanted == kept)
    if keepdims == attrs(inner)["keepdims"]:
        raise NoMatch("the reshape is not needed")
    return out.node(inner.op_type, [x, axes], keepdims=keepdims)


KEPT = frozenset({"Add", "Sub", "Mul", "Div", "Max", "Min", "Relu", "Sqrt", "Reciprocal", "Neg"})
"""What may lie between a reduction and the reshape that restores its axes."""


@exact(op.Reshape("y", "shape").named("n"))
def reduced_axes_stay(out: Builder, y: Value, n: Node) -> Value:
    """reshape(f(reduce(x), ...))  ->  f(reduce(x, keepdims)), if it restores the reduced axes."""
    made = y.producer()
    if made is None or made.op_type not in KEPT or made.domain:
        raise NoMatch("it reshapes no function of reductions")
    return with_axes(out, y, shape_of(n.outputs[0]), {n})


def with_axes(out: Builder, y: Value, wanted: tuple[int, ...], users: set[Node]) -> Value:
    """Return y in the shape `wanted`, its reductions recorded anew; `users` may read it alone."""
    made, number = y.producer(), constant(y)
    if number is not None and number.size == 1:
        return out.lift(number.reshape(()))  # type: ignore[return-value]
    if made is None or y.is_graph_output():
        raise NoMatch(f"{y.name!r} is no function of reductions")
    others = [u.node for u in y.uses() if u.node not in users]
    if made.op_type in NAMES and not attrs(made)["keepdims"]:
        x, axes = made.inputs[0], axes_of(made)
        assert x is not None
        kept = tuple(1 if i in axes else d for i, d in enumerate(shape_of(x)))
        if kept != wanted or any(u.op_type != "Reshape" for u in others):
            raise NoMatch("the reshape does more than restore the reduced axes")
        return out.node(made.op_type, [x, axes], keepdims=1)
    if made.op_type not in KEPT or made.domain or others:
        raise NoMatch(f"{y.name!r} is no function of reductions")
    operands = [with_axes(out, v, wanted, {*users, made}) for v in made.inputs if v is not None]
    return out.node(made.op_type, operands)


@exact(op.Reshape(op["ArgMax", "ArgMin"]("x").named("inner"), "shape").named("outer"))
def arg_reshape(out: Builder, x: Value, inner: Node, outer: Node) -> Value:
    """reshape(argmax(x, keepdims=1))  ->  argmax(x, keepdims=0), where it drops the axis."""
    options = attrs(inner)
    shape = list(shape_of(x))
    del shape[options["axis"] % len(shape)]
    if not options["keepdims"] or shape_of(outer.outputs[0]) != tuple(shape):
        raise NoMatch("the reshape does more than drop the axis")
    made: Value = out.node(inner.op_type, [x], **(options | {"keepdims": 0}))
    return made


@rewrite(
    op["ReduceMean", "ReduceSum"](
        op["ReduceMean", "ReduceSum"]("x", const("a")).named("inner"), const("b")
    ).named("outer"),
    stage="canonicalize",
)
def reduce_reduce(out: Builder, x: Value, inner: Node, outer: Node) -> Value:
    """mean(mean(x, a), b)  ->  mean(x, a + b)."""
    if inner.op_type != outer.op_type:
        raise NoMatch("a sum of means is neither")
    first, second = axes_of(inner), axes_of(outer)
    keeps = attrs(inner)["keepdims"], attrs(outer)["keepdims"]
    if keeps[0] != keeps[1]:
        raise NoMatch("only one of them keeps the reduced axes")
    if not keeps[0]:
        left = [i for i in range(len(shape_of(x))) if i not in first]
        second = [left[i] for i in second]
    axes = sorted({*first, *second})
    return out.node(outer.op_type, [x, axes], keepdims=keeps[0])


@rewrite(
    op["Mul", "Div"](op.ReduceSum("x", const("axes")).named("total"), const("c")).named("n"),
    stage="canonicalize",
)
def sum_over_count(out: Builder, x: Value, c: Array, total: Node, n: Node) -> Value:
    """sum(x) / count  ->  mean(x)."""
    need_count(x, c, total, n)
    return out.ReduceMean(x, axes_of(total), keepdims=attrs(total)["keepdims"])


@rewrite(
    op["Mul", "Div"](op.ReduceSumSquare("x", const("axes")).named("total"), const("c")).named("n"),
    stage="canonicalize",
)
def sum_of_squares_over_count(out: Builder, x: Value, c: Array, total: Node, n: Node) -> Value:
    """sum(x²) / count  ->  mean(x x)."""
    need_count(x, c, total, n)
    return out.ReduceMean(out.Mul(x, x), axes_of(total), keepdims=attrs(total)["keepdims"])


def need_count(x: Value, c: Array, total: Node, n: Node) -> None:
    """Refuse unless `n` divides by the number of x's elements that `total` adds up."""
    shape = shape_of(x)
    count = int(np.prod([shape[a] for a in axes_of(total)]))
    factor = 1 / count if n.op_type == "Mul" else count
    whole = c.size == 1 and dtype_of(x).kind == "f"
    if not whole or not np.isclose(c.item(), factor, rtol=1e-6, atol=0):
        raise NoMatch("it does not divide by the number of summands")


ACROSS = {"ReduceMax": "Max", "ReduceMin": "Min", "ReduceSum": "Sum", "ReduceMean": "Mean"}


@exact(op[tuple(ACROSS)]("x", const("axes")).named("n"))
def reduce_of_stack(out: Builder, x: Value, n: Node) -> Value:
    """reducemax(stack(a, b, ...))  ->  max(a, b, ...), over the axis that is stacked."""
    stack, axes = x.producer(), axes_of(n)
    if stack is None or stack.op_type != "Concat" or attrs(n)["keepdims"]:
        raise NoMatch("it does not reduce a stack")
    if axes != [attrs(stack)["axis"]] or len(x.uses()) > 1 or x.is_graph_output():
        raise NoMatch("it reduces another axis, or the stack is used elsewhere")
    parts = [v.producer() for v in stack.inputs if v is not None]
    sources = [p.inputs[0] for p in parts if p is not None and p.op_type == "Reshape"]
    shape = shape_of(n.outputs[0])
    if len(sources) != len(parts) or any(v is None or shape_of(v) != shape for v in sources):
        raise NoMatch("its parts are not stacked along a new axis")
    return out.node(ACROSS[n.op_type], sources)
