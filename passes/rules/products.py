"""Products that kernels do not have: of vectors, integers, many axes, and computed Gemms."""

from __future__ import annotations

import math

from mmc.ir import Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

from .parts import need_float, number, reduce, reshape

INTEGER_LIMIT = 1 << 20
"""Products of integers that may stand side by side before they are summed."""
MAX_RANK = 5


@rewrite(op.MatMul("a", "b").named("n"), stage="decompose", contract=Contract.EXACT)
def matmul_of_vectors(out: Builder, a: Value, b: Value, n: Node) -> Value:
    """A vector is a matrix of one row (left) or one column (right); the result loses that axis."""
    left, right = shape_of(a), shape_of(b)
    if min(len(left), len(right)) > 1:
        raise NoMatch("both are matrices")
    row = reshape(out, a, (1, *left)) if len(left) == 1 else a
    column = reshape(out, b, (*right, 1)) if len(right) == 1 else b
    return reshape(out, out.MatMul(row, column), shape_of(n.outputs[0]))


@rewrite(op.MatMul("a", "b").named("n"), stage="decompose", contract=Contract.EXACT)
def matmul_of_integers(out: Builder, a: Value, b: Value, n: Node) -> Value:
    """y = sum over k of a (..., N, K, 1) * b (..., 1, K, M)."""
    left, right = shape_of(a), shape_of(b)
    if dtype_of(a).kind == "f" or min(len(left), len(right)) < 2:
        raise NoMatch("its operands are floating point, or a vector")
    rank = max(len(left), len(right))
    size = math.prod(shape_of(n.outputs[0])) * left[-1]
    if rank >= MAX_RANK or size > INTEGER_LIMIT:
        raise NoMatch(f"{size} products of integers in rank {rank + 1} are too many")
    columns = reshape(out, a, (*left, 1))
    rows = reshape(out, b, (*right[:-2], 1, *right[-2:]))
    return reduce(out, "Sum", out.Mul(columns, rows), [rank - 1], keepdims=0)


@rewrite(op.MatMul("a", "b").named("n"), stage="decompose", contract=Contract.EXACT)
def matmul_of_many_axes(out: Builder, a: Value, b: Value, n: Node) -> Value:
    """The leading axes of both become one, where they are equal or only one operand has them."""
    left, right = shape_of(a), shape_of(b)
    if max(len(left), len(right)) <= MAX_RANK or min(len(left), len(right)) < 2:
        raise NoMatch(f"at most {MAX_RANK} axes, or a vector")
    if len(left) > 2 and len(right) > 2 and left[:-2] != right[:-2]:
        raise NoMatch("the leading axes are broadcast")
    flat = [
        reshape(out, v, (math.prod(s[:-2]), *s[-2:])) if len(s) > 2 else v
        for v, s in ((a, left), (b, right))
    ]
    return reshape(out, out.MatMul(*flat), shape_of(n.outputs[0]))


@rewrite(op.Gemm("a", "b", maybe("c")).named("n"), stage="decompose")
def gemm_of_computed(out: Builder, a: Value, b: Value, c: Value | None, n: Node) -> Value:
    """Gemm(a, b, c)  ->  alpha op(a) op(b) + beta c, where b or c is computed."""
    need_float(a)
    if constant(b) is not None and (c is None or constant(c) is not None):
        raise NoMatch("its weights are constant")
    given = attrs(n)
    left = out.Transpose(a, perm=[1, 0]) if given["transA"] else a
    right = out.Transpose(b, perm=[1, 0]) if given["transB"] else b
    y: Value = out.MatMul(left, right)
    if given["alpha"] != 1:
        y = out.Mul(y, number(a, given["alpha"]))
    if c is None or given["beta"] == 0:
        return y
    made: Value = out.Add(y, c if given["beta"] == 1 else out.Mul(c, number(a, given["beta"])))
    return made
