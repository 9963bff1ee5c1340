"""A constant matrix as a fully connected layer, mmc.Linear; products of transposed operands."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, shape_of
from mmc.passes.rules.parts import row
from mmc.pattern import Builder, NoMatch, const, maybe, mmc_op, op, rewrite

FLOATS = (np.float16, np.float32, np.float64)


def weight_rows(n: Node, by_rows: bool) -> Value | Array:
    """Return a node's second operand as (outputs, inputs): as it is, or transposed."""
    w = constant(n.inputs[1])
    if w is None or w.ndim != 2:
        raise NoMatch("the weight is not a constant matrix")
    if dtype_of(n.inputs[1]) not in FLOATS:
        raise NoMatch(f"the weight is {w.dtype}")
    assert n.inputs[1] is not None
    return n.inputs[1] if by_rows else w.T  # a view: the weight is not held twice


@rewrite(op.MatMul("x", const("w")).named("n"), stage="linear")
def matmul_to_linear(out: Builder, x: Value, n: Node) -> Value:
    """x w  ->  linear(x, w^T).   Shapes: x (..., K), w (K, M)."""
    if len(shape_of(x)) < 2:
        raise NoMatch("a vector times a matrix has no batch axis")
    return out.mmc.Linear(x, weight_rows(n, by_rows=False))


@rewrite(op.MatMul("x", op.Transpose(const("w"), perm=(1, 0)).named("turned")), stage="linear")
def matmul_transposed_to_linear(out: Builder, x: Value, w: Array, turned: Node) -> Value:
    """x w^T  ->  linear(x, w), for a constant w that others read as it is."""
    if len(shape_of(x)) < 2 or w.ndim != 2 or w.dtype not in FLOATS:
        raise NoMatch("the weight is not a float matrix, or x is a vector")
    return out.mmc.Linear(x, turned.inputs[0])


@rewrite(op.Gemm("x", const("w"), maybe("b")).named("n"), stage="linear")
def gemm_to_linear(out: Builder, x: Value, b: Value | None, n: Node) -> Value:
    """gemm(x, w, b)  ->  linear(x, w, b)."""
    options = attrs(n)
    if options["alpha"] != 1 or (b is not None and options["beta"] != 1) or options["transA"]:
        raise NoMatch("it is not in normal form")
    weight = weight_rows(n, by_rows=bool(options["transB"]))
    if b is None:
        return out.mmc.Linear(x, weight)
    if constant(b) is not None and shape_of(b) == shape_of(n.outputs[0])[1:]:
        return out.mmc.Linear(x, weight, b)
    return out.Add(out.mmc.Linear(x, weight), b)


@rewrite(op.Add(mmc_op.Linear("x", "w").named("n"), const("b")), stage="linear")
def linear_bias(out: Builder, x: Value, w: Value, b: Array, n: Node) -> Value:
    """linear(x, w) + b  ->  linear(x, w, b)."""
    return out.mmc.Linear(x, w, row(b, shape_of(w)[0]))


@rewrite(
    op.Reshape(mmc_op.Linear(op.Reshape("x", "s"), "w", maybe("b")).named("n"), "t").named(
        "result"
    ),
    stage="linear",
)
def linear_between_reshapes(
    out: Builder, x: Value, w: Value, b: Value | None, n: Node, result: Node
) -> Value:
    """reshape(linear(reshape(x)))  ->  linear(x), where only leading axes are regrouped."""
    source, wanted = shape_of(x), shape_of(result.outputs[0])
    width, inner = shape_of(w)
    if source[-1:] != (inner,) or wanted != (*source[:-1], width):
        raise NoMatch("the reshapes do more than gather the leading axes")
    return out.mmc.Linear(*[x, w, b][: 2 if b is None else 3])


@rewrite(op.MatMul("a", op.Transpose("b").named("turn")), stage="linear")
def matmul_nt(out: Builder, a: Value, b: Value, turn: Node) -> Value:
    """a transpose(b)  ->  matmulnt(a, b), where the last two axes are swapped."""
    swaps_last_two(turn)
    return out.mmc.MatMulNT(a, b)


@rewrite(op.MatMul(op.Transpose("a").named("turn"), "b"), stage="linear")
def matmul_tn(out: Builder, a: Value, b: Value, turn: Node) -> Value:
    """transpose(a) b  ->  matmultn(a, b), where the last two axes are swapped.

    A constant matrix is a layer's weight: it becomes a Linear, which has integers and a bias.
    """
    weight = constant(b)
    if weight is not None and weight.ndim == 2 and weight.dtype in FLOATS:
        raise NoMatch("the second operand is a layer's weight")
    swaps_last_two(turn)
    return out.mmc.MatMulTN(a, b)


@rewrite(mmc_op.MatMulNT(op.Transpose("a").named("turn"), "b"), stage="linear")
def matmul_tt(out: Builder, a: Value, b: Value, turn: Node) -> Value:
    """transpose(a) b^T  ->  matmultt(a, b), where the last two axes are swapped."""
    swaps_last_two(turn)
    return out.mmc.MatMulTT(a, b)


def swaps_last_two(turn: Node) -> None:
    """Refuse unless the Transpose swaps the last two axes and no others."""
    perm = list(attrs(turn).get("perm", ()))
    rank = len(perm)
    if rank < 2 or perm != [*range(rank - 2), rank - 1, rank - 2]:
        raise NoMatch("it does not just swap the last two axes")
    if turn.inputs[0] is not None and constant(turn.inputs[0]) is not None:
        raise NoMatch("it is constant, and folded")
