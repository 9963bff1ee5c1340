"""One spelling for everything that only regroups dimensions: Reshape with a constant shape."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

exact = partial(rewrite, stage="canonicalize", contract=Contract.EXACT)


def reshape(out: Builder, x: Value, shape: tuple[int, ...]) -> Value:
    """Record a Reshape of `x` to a static shape; an empty one needs allowzero."""
    allowzero = 1 if 0 in shape else None
    result: Value = out.Reshape(x, np.array(shape, np.int64), allowzero=allowzero)
    return result


def static(value: Value) -> tuple[int, ...]:
    """Return the shape, or refuse."""
    try:
        return shape_of(value)
    except ValueError as error:
        raise NoMatch(str(error)) from None


@exact(op["Flatten", "Squeeze", "Unsqueeze"]("x", maybe("axes")).named("n"))
def regroup_to_reshape(out: Builder, x: Value, n: Node) -> Value:
    """flatten, squeeze, unsqueeze  ->  reshape."""
    return reshape(out, x, static(n.outputs[0]))


@exact(op.Reshape("x", "shape").named("n"))
def reshape_to_static(out: Builder, x: Value, shape: Value, n: Node) -> Value:
    """reshape(x, shape with 0 or -1, or computed)  ->  reshape(x, the result's shape)."""
    wanted, known = static(n.outputs[0]), constant(shape)
    same = known is not None and tuple(known.tolist()) == wanted
    if same and attrs(n)["allowzero"] == int(0 in wanted):
        raise NoMatch("it is static")
    return reshape(out, x, wanted)


@exact(op.Reshape("x", "shape").named("n"))
def reshape_to_same(out: Builder, x: Value, n: Node) -> Value:
    """reshape(x, shape of x)  ->  x."""
    if static(x) != static(n.outputs[0]):
        raise NoMatch("it changes the shape")
    return x


@exact(op.Reshape(op.Reshape("x", "inner"), "shape").named("n"))
def reshape_reshape(out: Builder, x: Value, n: Node) -> Value:
    """reshape(reshape(x))  ->  reshape(x)."""
    return reshape(out, x, static(n.outputs[0]))


@exact(op.Transpose("x").named("n"))
def transpose_identity(out: Builder, x: Value, n: Node) -> Value:
    """transpose(x, 0, 1, 2, ...)  ->  x."""
    perm = perm_of(n)
    if perm != tuple(range(len(perm))):
        raise NoMatch("it moves dimensions")
    return x


@exact(op.Transpose("x").named("n"))
def transpose_to_reshape(out: Builder, x: Value, n: Node) -> Value:
    """transpose(x)  ->  reshape(x), where only dimensions of size 1 move past the others."""
    shape = static(x)
    moved = [axis for axis in perm_of(n) if shape[axis] != 1]
    if moved != sorted(moved):
        raise NoMatch("it moves data")
    return reshape(out, x, static(n.outputs[0]))


@exact(op.Transpose(op.Transpose("x").named("inner")).named("outer"))
def transpose_transpose(out: Builder, x: Value, inner: Node, outer: Node) -> Value:
    """transpose(transpose(x, p), q)  ->  transpose(x, p[q])."""
    p, q = perm_of(inner), perm_of(outer)
    return out.Transpose(x, perm=[p[axis] for axis in q])


@exact(op.Transpose("x").named("n"))
def transpose_explicit(out: Builder, x: Value, n: Node) -> Value:
    """transpose(x)  ->  transpose(x, perm): the default reverses the dimensions."""
    if "perm" in n.attributes:
        raise NoMatch("perm is there")
    return out.Transpose(x, perm=perm_of(n))


@exact(op.Transpose(op.Reshape(op.Transpose("x").named("inner"), const("shape"))).named("outer"))
def transpose_reshape_transpose(
    out: Builder, x: Value, shape: Array, inner: Node, outer: Node
) -> Value:
    """transpose(reshape(transpose(x)))  ->  reshape(x), where the data ends in its first order."""
    source, mixed, result = static(x), static(inner.outputs[0]), static(outer.outputs[0])
    back = np.argsort(perm_of(outer))
    regrouped = tuple(result[axis] for axis in back)
    if not same_order(source, perm_of(inner), mixed, regrouped, perm_of(outer)):
        raise NoMatch("it moves data")
    return reshape(out, x, result)


def same_order(
    source: tuple[int, ...],
    inner: tuple[int, ...],
    mixed: tuple[int, ...],
    regrouped: tuple[int, ...],
    outer: tuple[int, ...],
) -> bool:
    """Say whether transpose, reshape, transpose leave the elements in place: tried on the factors.

    The finest common grouping of `mixed` and `regrouped` splits both into the same factors; a small
    array with one dimension for each factor then shows where every factor ends up.
    """
    factors = common_factors(mixed, regrouped)
    if factors is None:
        return False
    by_mixed, by_regrouped = (_grouped(factors, dims) for dims in (mixed, regrouped))
    back = [by_mixed[inner.index(axis)] for axis in range(len(source))]
    before = [i for group in back for i in group if factors[i] != 1]
    after = [i for axis in outer for i in by_regrouped[axis] if factors[i] != 1]
    return before == after


def common_factors(a: tuple[int, ...], b: tuple[int, ...]) -> list[int] | None:
    """Return the finest dimensions that both shapes group: (6, 4), (2, 12) -> 2, 3, 4; or None."""
    if 0 in a or 0 in b or np.prod(a) != np.prod(b):
        return None
    cuts = sorted({1} | {int(p) for s in (a, b) for p in np.cumprod(s[::-1])})
    if any(high % low for low, high in pairwise(cuts)):
        return None
    return [high // low for low, high in pairwise(cuts)][::-1]


def _grouped(factors: list[int], dims: tuple[int, ...]) -> list[list[int]]:
    """Return for every dimension the numbers of the factors that make it up."""
    groups, at = [], 0
    for dim in dims:
        group, size = [], 1
        while size < dim:
            group.append(at)
            size *= factors[at]
            at += 1
        groups.append(group)
    return groups


def perm_of(n: Node) -> tuple[int, ...]:
    """Return the permutation of a Transpose; the default reverses the dimensions."""
    perm = attrs(n).get("perm")
    if perm is not None:
        return tuple(perm)
    value = n.inputs[0]
    if value is None or value.shape is None:
        raise NoMatch("the rank is not known")
    return tuple(reversed(range(len(value.shape))))
