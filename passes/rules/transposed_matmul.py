"""Transposes of the last two axes as part of a matrix product (stage `tflite`)."""

from __future__ import annotations

from mmc.ir import Node, Value, attrs, shape_of
from mmc.pattern import Builder, NoMatch, mmc_op, op, rewrite


def _swaps_last_two(node: Node) -> None:
    rank = len(shape_of(node.outputs[0]))
    expected = [*range(rank - 2), rank - 1, rank - 2]
    if list(attrs(node).get("perm", range(rank)[::-1])) != expected:
        raise NoMatch("does not swap the last two axes only")


@rewrite(op.MatMul("a", op.Transpose("b").named("t")), stage="tflite")
def matmul_transposed_right(out: Builder, a: Value, b: Value, t: Node) -> Value:
    """a transpose(b)  ->  MatMulNT(a, b)."""
    _swaps_last_two(t)
    return out.mmc.MatMulNT(a, b)


@rewrite(op.MatMul(op.Transpose("a").named("t"), "b"), stage="tflite")
def matmul_transposed_left(out: Builder, a: Value, b: Value, t: Node) -> Value:
    """transpose(a) b  ->  MatMulTN(a, b)."""
    _swaps_last_two(t)
    return out.mmc.MatMulTN(a, b)


@rewrite(mmc_op.MatMulNT(op.Transpose("a").named("t"), "b"), stage="tflite")
def matmul_transposed_both(out: Builder, a: Value, b: Value, t: Node) -> Value:
    """transpose(a) b^T  ->  MatMulTT(a, b)."""
    _swaps_last_two(t)
    return out.mmc.MatMulTT(a, b)
