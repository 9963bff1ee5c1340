"""One spelling for everything that only regroups dimensions: Reshape with a constant shape."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite
from mmc.values import NotInferredError

exact = partial(rewrite, stage="canonicalize", contract=Contract.EXACT)


def reshape(out: Builder, x: Value, shape: tuple[int, ...]) -> Value:
    """Record a Reshape of `x` to a static shape; an empty one needs allowzero."""
    allowzero = 1 if 0 in shape else None
    result: Value = out.Reshape(x, np.array(shape, np.int64), allowzero=allowzero)
    return result


@exact(op["Flatten", "Squeeze", "Unsqueeze"]("x", maybe("axes")).named("n"))
def regroup_to_reshape(out: Builder, x: Value, n: Node) -> Value:
    """flatten, squeeze, unsqueeze  ->  reshape."""
    return reshape(out, x, shape_of(n.outputs[0]))


@exact(op.Reshape("x", "shape").named("n"))
def reshape_to_static(out: Builder, x: Value, shape: Value, n: Node) -> Value:
    """reshape(x, shape with 0 or -1, or computed)  ->  reshape(x, the result's shape)."""
    wanted, known = shape_of(n.outputs[0]), constant(shape)
    same = known is not None and tuple(known.tolist()) == wanted
    if same and attrs(n)["allowzero"] == int(0 in wanted):
        raise NoMatch("it is static")
    return reshape(out, x, wanted)


@exact(op.Reshape("x", "shape").named("n"))
def reshape_to_same(out: Builder, x: Value, n: Node) -> Value:
    """reshape(x, shape of x)  ->  x."""
    if shape_of(x) != shape_of(n.outputs[0]):
        raise NoMatch("it changes the shape")
    return x


@exact(op.Reshape(op.Reshape("x", "inner"), "shape").named("n"))
def reshape_reshape(out: Builder, x: Value, n: Node) -> Value:
    """reshape(reshape(x))  ->  reshape(x)."""
    return reshape(out, x, shape_of(n.outputs[0]))


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
    shape = shape_of(x)
    moved = [axis for axis in perm_of(n) if shape[axis] != 1]
    if moved != sorted(moved):
        raise NoMatch("it moves data")
    return reshape(out, x, shape_of(n.outputs[0]))


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
    source, mixed, result = shape_of(x), shape_of(inner.outputs[0]), shape_of(outer.outputs[0])
    back = np.argsort(perm_of(outer))
    regrouped = tuple(result[axis] for axis in back)
    if not same_order(source, perm_of(inner), mixed, regrouped, perm_of(outer)):
        raise NoMatch("it moves data")
    return reshape(out, x, result)


@exact(
    op.Reshape(op.Transpose(op.Reshape("x", const("inner"))).named("turn"), const("outer")).named(
        "result"
    )
)
def transpose_between_reshapes(
    out: Builder, x: Value, inner: Array, turn: Node, result: Node
) -> Value:
    """reshape(transpose(reshape(x)))  ->  transpose(reshape(x)), where no axis is regrouped."""
    if len(shape_of(result.outputs[0])) > inner.size:
        raise NoMatch("the transpose would move more axes")
    return transposed_once(out, x, inner, turn, result)


def transposed_once(out: Builder, x: Value, inner: Array, turn: Node, result: Node) -> Value:
    """Record transpose(reshape(x)) in the place of reshape(transpose(reshape(x)))."""
    shape = shape_of(result.outputs[0])
    order = moved_axes(shape_of(x), tuple(inner.tolist()), perm_of(turn), shape)
    wanted = tuple(shape[order.index(i)] for i in range(len(order)))
    source = x if wanted == shape_of(x) else reshape(out, x, wanted)
    return out.Transpose(source, perm=order)


def moved_axes(
    source: tuple[int, ...], inner: tuple[int, ...], perm: tuple[int, ...], result: tuple[int, ...]
) -> list[int]:
    """Return p such that transposing the axes of `result`, in the order of the data, by p gives it.

    Read off the strides of a view: numpy makes one exactly where no moved axis is regrouped.
    """
    if 0 in source:
        raise NoMatch("it is empty")
    view = np.empty(source, np.int8).reshape(inner).transpose(perm)
    try:
        view = np.reshape(view, result, copy=False)
    except ValueError:
        raise NoMatch("a moved axis is regrouped") from None
    moved = [i for i in range(len(result)) if result[i] != 1]
    by_data = in_place(sorted(moved, key=lambda i: -view.strides[i]), len(result))
    return [by_data.index(i) for i in range(len(result))]


def in_place(order: list[int], rank: int) -> list[int]:
    """Return the order of some axes with the others, which are of size 1, where they are."""
    found = list(order)
    for axis in range(rank):
        if axis not in order:
            found.insert(axis, axis)
    return found


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
        raise NotInferredError("the rank is not known")
    return tuple(reversed(range(len(value.shape))))


ALIKE = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean")


@exact(op[ALIKE](op.Transpose("a").named("first"), "b").named("n"))
def elementwise_of_transposed(out: Builder, a: Value, b: Value, first: Node, n: Node) -> Value:
    """transpose(a) + transpose(b)  ->  transpose(a + b), for one permutation and one shape."""
    return together(out, n)


@exact(op[ALIKE]("a", "b", "c").named("n"))
def elementwise_of_three_transposed(out: Builder, n: Node) -> Value:
    """max(transpose(a), transpose(b), transpose(c))  ->  transpose(max(a, b, c))."""
    return together(out, n)


def together(out: Builder, n: Node) -> Value:
    """Record the transpose after an operator of which every operand is transposed alike."""
    made = [v.producer() for v in n.inputs if v is not None]
    turns = [m for m in made if m is not None and m.op_type == "Transpose"]
    if len(turns) != len(n.inputs) or len({perm_of(t) for t in turns}) > 1:
        raise NoMatch("the operands are not all transposed alike")
    if any(len(v.uses()) > 1 or v.is_graph_output() for v in n.inputs if v is not None):
        raise NoMatch("a transposed operand is used elsewhere")
    if len({shape_of(t.outputs[0]) for t in turns}) > 1:
        raise NoMatch("the operands are broadcast")
    operands = [t.inputs[0] for t in turns]
    return out.Transpose(out.node(n.op_type, operands), perm=perm_of(turns[0]))
