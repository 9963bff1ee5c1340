"""Expand as late as possible, and not at all where an operator broadcasts by itself."""

from __future__ import annotations

from functools import partial

import numpy as np

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.pass_manager import Contract
from mmc.passes.rules.reductions import axes_of
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

exact = partial(rewrite, stage="canonicalize", contract=Contract.EXACT)
BROADCAST = ("Add", "Sub", "Mul", "Div", "Min", "Max", "Equal", "Greater", "Less", "And", "Or")
UNARY = ("Cast", "Neg", "Not", "Abs", "Relu", "Sqrt", "Reciprocal", "Floor", "Ceil", "Sign")
"""What gives the same bits for a number wherever it stands."""
REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd")


@exact(op[(*BROADCAST, "Where")]("x", "y", maybe("z")).named("n"))
def expand_operand(out: Builder, n: Node) -> Value:
    """f(expand(x), y)  ->  f(x, y), where y broadcasts x as far; others may read expand(x) too."""
    operands = [v for v in n.inputs if v is not None]
    shapes = [shape_of(v) for v in operands]
    for i, operand in enumerate(operands):
        made = operand.producer()
        if made is None or made.op_type != "Expand" or made.inputs[0] is None:
            continue
        narrow = [*shapes[:i], shape_of(made.inputs[0]), *shapes[i + 1 :]]
        if np.broadcast_shapes(*narrow) == shape_of(n.outputs[0]):
            return out.node(n.op_type, [*operands[:i], made.inputs[0], *operands[i + 1 :]])
    raise NoMatch("no operand is expanded to what another one has")


@exact(op[UNARY](op.Expand("x", const("shape"))).named("n"))
def expand_later(out: Builder, x: Value, n: Node) -> Value:
    """f(expand(x))  ->  expand(f(x)), for f of one number."""
    return expanded(out, out.node(n.op_type, [x], **attrs(n)), n)


@exact(op.Clip(op.Expand("x", const("shape")), maybe("low"), maybe("high")).named("n"))
def expand_after_clip(
    out: Builder, x: Value, low: Value | None, high: Value | None, n: Node
) -> Value:
    """clip(expand(x))  ->  expand(clip(x))."""
    return expanded(out, out.Clip(x, low, high), n)


@exact(op[BROADCAST](op.Expand("x", const("shape")), const("c")).named("n"))
def expand_after_scalar(out: Builder, x: Value, c: Array, n: Node) -> Value:
    """f(expand(x), c)  ->  expand(f(x, c)), for one number c."""
    if c.size != 1 or c.ndim > len(shape_of(x)):
        raise NoMatch("the constant is more than one number")
    if n.inputs[1] is None or n.inputs[1].producer() is not None:
        raise NoMatch("the constant is on the left")
    return expanded(out, out.node(n.op_type, [x, n.inputs[1]]), n)


@rewrite(
    op[REDUCTIONS](op.Expand("x", const("shape")), const("axes")).named("n"), stage="canonicalize"
)
def expand_after_reduce(out: Builder, x: Value, n: Node) -> Value:
    """reduce(expand(x))  ->  expand(reduce(x)), over axes that are not expanded."""
    narrow, axes = shape_of(x), axes_of(n)
    wide = shape_of(n.inputs[0]) if n.inputs[0] is not None else ()
    if len(narrow) != len(wide):
        raise NoMatch("the expansion adds axes")
    if not axes or any(narrow[a] != wide[a] for a in axes):
        raise NoMatch("a reduced axis is expanded")
    return expanded(out, out.node(n.op_type, [x, axes], keepdims=attrs(n)["keepdims"]), n)


def expanded(out: Builder, narrow: Value, n: Node) -> Value:
    """Return `narrow` in the shape of what n makes."""
    made: Value = out.Expand(narrow, list(shape_of(n.outputs[0])))
    return made
