"""Constants that combine with a transposed product, moved to where the product absorbs them."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, constant, shape_of
from mmc.pass_manager import Contract
from mmc.passes.rules.reshapes import perm_of
from mmc.pattern import Builder, NoMatch, const, op, rewrite

PRODUCTS = ("MatMul", "Gemm", "Conv", "ConvTranspose")


def absorbs(value: Value, *, number: bool) -> bool:
    """Say whether a value is a product by constants, perhaps with a constant added.

    One number may also pass a reshape that nothing else reads.
    """
    made = value.producer()
    if number and made is not None and made.op_type == "Reshape" and len(value.uses()) == 1:
        made = made.inputs[0].producer() if made.inputs[0] is not None else None
    if made is not None and made.op_type == "Add" and constant(made.inputs[1]) is not None:
        made = made.inputs[0].producer() if made.inputs[0] is not None else None
    return (
        made is not None
        and made.op_type in PRODUCTS
        and not made.domain
        and constant(made.inputs[1]) is not None
    )


@rewrite(
    op["Mul", "Add"](op.Transpose("x").named("turn"), const("c")).named("n"),
    contract=Contract.EXACT,
)
def constant_before_transpose(out: Builder, x: Value, c: Array, turn: Node, n: Node) -> Value:
    """transpose(x, p) * c  ->  transpose(x * c', p), with c' = c transposed back; + likewise."""
    perm = perm_of(turn)
    if not absorbs(x, number=c.size == 1) or c.ndim > len(perm):
        raise NoMatch("no product would absorb the constant")
    wide = c.reshape((1,) * (len(perm) - c.ndim) + c.shape)
    moved = c if c.size == 1 else np.ascontiguousarray(wide.transpose(np.argsort(perm)))
    return out.Transpose(out.node(n.op_type, [x, moved]), perm=perm)


@rewrite(
    op["Mul", "Add"](op.Reshape("x", const("shape")), const("c")).named("n"),
    contract=Contract.EXACT,
)
def constant_before_reshape(out: Builder, x: Value, shape: Array, c: Array, n: Node) -> Value:
    """reshape(x) * c  ->  reshape(x * c'), for one number c, or for one a column; + likewise."""
    if not absorbs(x, number=False):
        raise NoMatch("no product would absorb the constant")
    moved = c.reshape(()) if c.size == 1 else by_column(c, shape_of(x), tuple(shape.tolist()))
    if c.ndim > len(shape):
        raise NoMatch("the constant adds axes")
    return out.Reshape(out.node(n.op_type, [x, moved]), shape)


def by_column(c: Array, source: tuple[int, ...], split: tuple[int, ...]) -> Array:
    """Return c, which meets the parts that the last axis is split to, for that whole axis."""
    lead = len(source) - 1
    parts = split[lead:]
    while c.ndim > max(len(parts), 1) and c.shape[0] == 1:
        c = c[0]
    if any(size not in (1, part) for size, part in zip(c.shape[::-1], split[::-1], strict=False)):
        raise NoMatch("the constant has more elements than the result")
    if c.ndim == 1 and split[-1] == source[-1]:
        return c
    if split[:lead] != source[:lead] or len(split) <= lead or c.ndim > len(parts):
        raise NoMatch("the constant is not one number, or one a column")
    return np.ascontiguousarray(np.broadcast_to(c, parts)).reshape(-1)
