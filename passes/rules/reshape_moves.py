"""Reshapes move past what does not care for them, to where they meet and vanish."""

from __future__ import annotations

from functools import partial
from math import prod

from mmc.ir import Node, Value, attrs, shape_of
from mmc.pass_manager import Contract
from mmc.passes.rules.reshapes import ALIKE, reshape
from mmc.passes.rules.slices import ranges, slice_by
from mmc.pattern import Builder, NoMatch, op, rewrite

exact = partial(rewrite, stage="canonicalize", contract=Contract.EXACT)


@exact(
    op.Reshape(op["Softmax", "LogSoftmax"](op.Reshape("x", "s")).named("n"), "t").named("result")
)
def softmax_between_reshapes(out: Builder, x: Value, n: Node, result: Node) -> Value:
    """reshape(softmax(reshape(x)))  ->  softmax(x), where the last axis stays as it is."""
    shape, inner = shape_of(x), shape_of(n.outputs[0])
    if shape_of(result.outputs[0]) != shape or shape[-1:] != inner[-1:]:
        raise NoMatch("the reshapes do more than gather the leading axes")
    if attrs(n)["axis"] not in (-1, len(inner) - 1):
        raise NoMatch("it does not run over the last axis")
    return out.node(n.op_type, [x])


@exact(op.Slice("r", "starts", "ends", "axes", "steps").named("n"))
def slice_of_split_axis(out: Builder, r: Value, n: Node) -> Value:
    """reshape(x, (..., A, rest...))[a:b of A]  ->  reshape(x[a R:b R]), for A and rest of one axis.

    Shapes: x (..., A R), rest... of product R. It is how a packed Q, K, V is taken apart.
    """
    made = r.producer()
    if made is None or made.op_type != "Reshape" or made.inputs[0] is None:
        raise NoMatch("it does not slice a reshape")
    x, split, spans = made.inputs[0], shape_of(r), ranges(n)
    last = len(shape_of(x)) - 1
    axis, start, stop, step = spans[0] if len(spans) == 1 else (0, 0, 0, 0)
    if step != 1:
        raise NoMatch("it slices several axes, or in steps")
    if last < 0 or prod(split[axis:]) != shape_of(x)[last] or len(split) == axis + 1:
        raise NoMatch("the reshape does not split the last axis there")
    rest = shape_of(x)[last] // split[axis]
    part = slice_by(out, x, [(last, start * rest, stop * rest, 1)])
    return reshape(out, part, shape_of(n.outputs[0]))


@rewrite(
    op[ALIKE](op.Reshape("a", "s"), op.Reshape("b", "t")).named("n"),
    stage="linear",
    contract=Contract.EXACT,
)
def elementwise_of_reshaped(out: Builder, a: Value, b: Value, n: Node) -> Value:
    """reshape(a) + reshape(b)  ->  reshape(a + b), where both are reshaped alike."""
    if shape_of(a) != shape_of(b) or shape_of(n.inputs[0]) != shape_of(n.inputs[1]):
        raise NoMatch("the operands are not reshaped alike")
    return reshape(out, out.node(n.op_type, [a, b]), shape_of(n.outputs[0]))
