"""Axis orders. A layout `p` of a tensor x means that transpose(x, p) is what lies in memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, permutations
from math import factorial, prod

Perm = tuple[int, ...]
Dims = Sequence[int]

PER_TRANSPOSE = 4096
"""Cost of a transpose besides its elements: what an op costs to start, in elements moved."""

SEARCHED = factorial(8)
"""Permutations that are tried as the first of two: all of 8 axes, a fraction of a second."""

PER_RESHAPE = 512
"""Cost of a transpose that moves only axes of size 1: no element moves, an op remains."""


def identity(rank: int) -> Perm:
    """Return the order of a tensor that is stored as it is written."""
    return tuple(range(rank))


def inverse(p: Perm) -> Perm:
    """Return q with transpose(transpose(x, p), q) = x."""
    return tuple(p.index(axis) for axis in range(len(p)))


def compose(p: Perm, q: Perm) -> Perm:
    """transpose(transpose(x, p), q) = transpose(x, compose(p, q))."""
    return tuple(p[axis] for axis in q)


def between(a: Perm, b: Perm) -> Perm:
    """Return r that turns layout `a` of a tensor into layout `b`."""
    return compose(inverse(a), b)


def permuted(dims: Dims, p: Perm) -> tuple[int, ...]:
    """Return the dimensions of a tensor of shape `dims` as stored in layout `p`."""
    return tuple(dims[axis] for axis in p)


def same_order(dims: Dims, p: Perm, q: Perm) -> bool:
    """Say whether two layouts put the elements in the same order (axes of size 1 do not count)."""
    return [a for a in p if dims[a] != 1] == [a for a in q if dims[a] != 1]


def cost(dims: Dims, p: Perm) -> int:
    """Return the cost of transposing a tensor of shape `dims` by `p`, in elements moved."""
    if p == identity(len(p)):
        return 0
    if same_order(dims, p, identity(len(p))):
        return PER_RESHAPE
    return PER_TRANSPOSE + prod(dims)


def without(p: Perm, axes: Sequence[int]) -> Perm:
    """Return the layout of what remains when `axes` are removed from a tensor in layout `p`."""
    kept = [axis for axis in range(len(p)) if axis not in axes]
    return tuple(kept.index(axis) for axis in p if axis in kept)


def through_reshape(source: Dims, target: Dims, p: Perm) -> Perm | None:
    """Return the layout of reshape(x, target) that needs no data movement, x being in layout `p`.

    The axes of both shapes fall into groups of equal products; the layout must keep the axes of
    every group together and in order. None when it does not.
    """
    groups = _groups(source, target)
    order = [axis for axis in p if source[axis] != 1]
    if groups is None:
        return None
    result: list[int] = []
    position = 0
    first = {axes[0]: (axes, others) for axes, others in groups}
    while position < len(order):
        axes, others = first.get(order[position], ([], []))
        if not axes or order[position : position + len(axes)] != axes:
            return None
        result += others
        position += len(axes)
    return _with_ones(target, result)


def _groups(source: Dims, target: Dims) -> list[tuple[list[int], list[int]]] | None:
    """Split the axes larger than 1 into the smallest runs with equal products."""
    left = [axis for axis, dim in enumerate(source) if dim != 1]
    right = [axis for axis, dim in enumerate(target) if dim != 1]
    groups = []
    i = j = 0
    while i < len(left) and j < len(right):
        start_i, start_j = i, j
        a, b = source[left[i]], target[right[j]]
        i, j = i + 1, j + 1
        while a != b:
            if a < b:
                if i == len(left):
                    return None
                a, i = a * source[left[i]], i + 1
            else:
                if j == len(right):
                    return None
                b, j = b * target[right[j]], j + 1
        groups.append((left[start_i:i], right[start_j:j]))
    return groups if i == len(left) and j == len(right) else None


def _with_ones(dims: Dims, order: list[int]) -> Perm:
    """Insert the axes of size 1: leading ones stay in front, others go before their neighbour."""
    before: dict[int, list[int]] = {}
    waiting: list[int] = []
    for axis, dim in enumerate(dims):
        if dim == 1:
            waiting.append(axis)
        else:
            before[axis], waiting = waiting, []
    head = next((axis for axis, dim in enumerate(dims) if dim != 1), len(dims))
    leading = list(range(head))
    result = list(leading)
    for axis in order:
        result += [a for a in before[axis] if a not in leading] + [axis]
    return tuple(result + [a for a in waiting if a not in leading])


def merged(shape: Sequence[int], perm: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Merge axes that stay neighbours: returns the sizes and the permutation of the groups.

    Args:
        perm: the axes that matter (size above 1), in their new order.
    """
    groups: list[list[int]] = []
    rank = {axis: position for position, axis in enumerate(sorted(perm))}
    for axis in perm:
        if groups and rank[axis] == rank[groups[-1][-1]] + 1:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    ordered = sorted(groups)
    sizes = tuple(prod(shape[axis] for axis in group) for group in ordered)
    return sizes, tuple(ordered.index(group) for group in groups)


def in_steps(shape: Sequence[int], perm: Sequence[int], most: int) -> list[Perm]:
    """Return permutations that make `perm` one after the other, none of more than `most` groups.

    One if that does, else two, the first in lexical order; none where two do not suffice, or are
    not among the first SEARCHED. A group is what `merged` makes of neighbours that stay neighbours.
    """
    whole = tuple(perm)
    if len(merged(shape, whole)[0]) <= most:
        return [whole]
    for first in islice(permutations(range(len(shape))), SEARCHED):
        if len(merged(shape, first)[0]) <= most:
            rest = compose(inverse(first), whole)
            if len(merged(permuted(shape, first), rest)[0]) <= most:
                return [first, rest]
    return []
