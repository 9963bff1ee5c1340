"""Constants that combine with a transposed product, moved to where the product absorbs them."""

from __future__ import annotations

from collections.abc import Iterator

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


@rewrite(
    op.Reshape(
        op["Mul", "Add"](op.Reshape("x", const("inner")), const("c")).named("n"), "shape"
    ).named("result"),
    contract=Contract.EXACT,
)
def constant_between_reshapes(
    out: Builder, x: Value, inner: Array, c: Array, n: Node, result: Node
) -> Value:
    """reshape(reshape(x) + c)  ->  x + c', where the outer reshape undoes the inner; * likewise.

    It is how windowed attention adds one mask to the windows of every image.
    """
    if shape_of(result.outputs[0]) != shape_of(x):
        raise NoMatch("the reshapes do not undo each other")
    made: Value = out.node(n.op_type, [x, regrouped(c, tuple(inner.tolist()), shape_of(x))])
    return made


def regrouped(c: Array, source: tuple[int, ...], target: tuple[int, ...]) -> Array:
    """Return c, which meets data of shape `source`, for the same data of shape `target`."""
    if c.ndim > len(source) or 0 in source:
        raise NoMatch("the constant adds axes, or there is no data")
    dims = (1,) * (len(source) - c.ndim) + c.shape
    if any(size not in (1, full) for size, full in zip(dims, source, strict=True)):
        raise NoMatch("the constant has more elements than what it meets")
    if c.size == 1:
        return c.reshape(())
    wide: list[int] = []
    found: list[int] = []
    for here, there in groups(source, target):
        one = all(size == 1 for size in dims[here])
        if not one and min(broad(source[here]), broad(target[there])) > 1:
            raise NoMatch("the constant varies along axes that the reshape mixes")
        wide += dims[here] if one else source[here]
        found += [1] * len(target[there]) if one else target[there]
    return np.ascontiguousarray(np.broadcast_to(c, wide)).reshape(found)


def broad(sizes: tuple[int, ...]) -> int:
    """Return how many axes are longer than 1."""
    return sum(size > 1 for size in sizes)


def groups(source: tuple[int, ...], target: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Yield the shortest runs of axes of two shapes that hold as many elements."""
    i = j = 0
    while i < len(source) or j < len(target):
        first, other = i, j
        here, there = 1, 1
        while here != there or (first, other) == (i, j):
            if j == len(target) or (here <= there and i < len(source)):
                here, i = here * source[i], i + 1
            else:
                there, j = there * target[j], j + 1
        yield slice(first, i), slice(other, j)
