"""TopK along any axis; one-hot vectors of computed values."""

from __future__ import annotations

from mmc.ir import Node, Value, attrs, constant, shape_of
from mmc.pattern import Builder, NoMatch, op, rewrite


@rewrite(op.TopK("x", "k").named("n"), stage="decompose")
def top_k_last_axis(out: Builder, x: Value, k: Value, n: Node) -> tuple[Value, ...]:
    """top_k(x, axis)  ->  transpose(top_k(transpose(x))), along the last axis."""
    given, rank = attrs(n), len(shape_of(x))
    axis = given["axis"] % rank
    if axis == rank - 1:
        raise NoMatch("it is the last axis")
    perm = list(range(rank))
    perm[axis], perm[-1] = perm[-1], perm[axis]
    found = out.node(
        "TopK",
        [out.Transpose(x, perm=perm), k],
        outputs=2,
        axis=rank - 1,
        largest=given["largest"],
        sorted=given["sorted"],
    )
    return tuple(out.Transpose(v, perm=perm) for v in found)


@rewrite(op.OneHot("i", "depth", "values").named("n"), stage="decompose")
def one_hot_of_values(out: Builder, i: Value, depth: Value, values: Value, n: Node) -> Value:
    """one_hot(i, (off, on))  ->  where(one_hot(i, (false, true)), on, off), for computed values."""
    if constant(values) is not None:
        raise NoMatch("the values are constant")
    hot = out.OneHot(i, depth, [False, True], axis=attrs(n)["axis"])
    off, on = out.Slice(values, [0], [1]), out.Slice(values, [1], [2])
    return out.Where(hot, on, off)
