"""Constant matrix products: bias, scale and shift become part of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, shape_of
from mmc.passes.rules.gemms import free_to_change
from mmc.pattern import Builder, NoMatch, const, either, maybe, op, rewrite


def row(c: Array, width: int) -> Array:
    """Return a constant as one number per column of a product, or refuse."""
    if c.size == 1:
        return np.full(width, c.reshape(-1)[0], c.dtype)
    if c.shape[-1] != width or c.size != width:
        raise NoMatch(f"a constant of shape {c.shape} is not one number per column")
    return c.reshape(-1)


@rewrite(op.Add(op.MatMul("x", const("w")).named("n"), const("b")))
def matmul_add(out: Builder, x: Value, w: Array, b: Array, n: Node) -> Value:
    """x w + b  ->  gemm(x, w^T, b, transB=1).   Shapes: x (N, K), w (K, M), b (M,)."""
    if len(shape_of(x)) != 2 or w.ndim != 2:
        raise NoMatch("Gemm needs operands of rank 2")
    bias = row(b, w.shape[1])
    if not free_to_change(n.inputs[1]):
        return out.Gemm(x, n.inputs[1], bias)
    return out.Gemm(x, w.T, bias, transB=1)  # a view: large weights stay in their file


GEMM = op.Gemm("x", const("w"), maybe(const("b"))).named("n")


def scaled(out: Builder, n: Node, scale: Array | None, shift: Array | None) -> Value:
    """Record a Gemm in normal form with its columns scaled and shifted."""
    w = constant(n.inputs[1])
    b = constant(n.inputs[2]) if len(n.inputs) > 2 else None
    options = attrs(n)
    if w is None or options["alpha"] != 1 or options["beta"] != 1 or options["transA"]:
        raise NoMatch("it is not in normal form")
    width = shape_of(n.outputs[0])[1]
    weight: Any = n.inputs[1]
    bias = np.zeros(width, w.dtype) if b is None else row(b, width)
    if scale is not None:
        factors = row(scale, width)
        weight = (w * (factors[:, None] if options["transB"] else factors)).astype(w.dtype)
        bias = bias * factors
    if shift is not None:
        bias = bias + row(shift, width)
    return out.Gemm(n.inputs[0], weight, bias, transB=options["transB"])


@rewrite(op.Add(GEMM, const("c")))
def gemm_add(out: Builder, n: Node, c: Array) -> Value:
    """(x w + b) + c  ->  x w + (b + c)."""
    return scaled(out, n, None, c)


@rewrite(op.Mul(GEMM, const("c")))
def gemm_mul(out: Builder, n: Node, c: Array) -> Value:
    """(x w + b) * c  ->  x (w * c) + b * c."""
    return scaled(out, n, c, None)


@rewrite(op.BatchNormalization(GEMM, "scale", "bias", "mean", "variance").named("norm"))
def gemm_bn(out: Builder, n: Node, norm: Node) -> Value:
    """bn(x w + b)  ->  x (w * s) + b * s + t."""
    from mmc.passes.rules.conv_affine import scale_and_shift

    scale, shift = (v.astype(np.float32) for v in scale_and_shift(norm))
    return scaled(out, n, scale, shift)


PRODUCT = op.MatMul("x", const("w")).named("n")
FLAT = op.Reshape(either(op.Add(PRODUCT, const("b")), PRODUCT), "shape").named("flat")


@rewrite(op.BatchNormalization(FLAT, "scale", "bias", "mean", "variance").named("norm"))
def matmul_bn(
    out: Builder, x: Value, w: Array, b: Array | None, n: Node, flat: Node, norm: Node
) -> Value:
    """bn(reshape(x w + b))  ->  reshape(x (w * s) + b * s + t), where the columns stay."""
    from mmc.passes.rules.conv_affine import scale_and_shift

    if w.ndim != 2 or not free_to_change(n.inputs[1]):
        raise NoMatch("the weight is no matrix, or is large and shared")
    rows = shape_of(flat.outputs[0])
    if rows[1:] != (w.shape[1],):
        raise NoMatch("the columns of the product are not the channels")
    scale, shift = scale_and_shift(norm)
    product = out.MatMul(x, (w * scale).astype(w.dtype))
    bias = shift if b is None else row(b, w.shape[1]) * scale + shift
    made: Value = out.Reshape(out.Add(product, bias.astype(w.dtype)), list(rows))
    return made


@rewrite(op.Mul(op.MatMul("x", const("w")).named("n"), const("c")))
def matmul_mul(out: Builder, x: Value, w: Array, c: Array, n: Node) -> Value:
    """(x w) * c  ->  x (w * c), for one number or one per column."""
    if w.ndim != 2 or not free_to_change(n.inputs[1]):
        raise NoMatch("the weight is no matrix, or is large and shared")
    return out.MatMul(x, (w * row(c, w.shape[1])).astype(w.dtype))


@rewrite(
    op.Mul(op.Add(op.MatMul("x", const("w")).named("n"), const("b")), const("c")),
)
def linear_mul(out: Builder, x: Value, w: Array, b: Array, c: Array, n: Node) -> Value:
    """(x w + b) * c  ->  x (w * c) + b * c."""
    if w.ndim != 2 or not free_to_change(n.inputs[1]):
        raise NoMatch("the weight is no matrix, or is large and shared")
    factors = row(c, w.shape[1])
    product = out.MatMul(x, (w * factors).astype(w.dtype))
    return out.Add(product, (row(b, w.shape[1]) * factors).astype(w.dtype))


@rewrite(
    op.Reshape(op.Gemm(op.Reshape("x", "s"), const("w"), maybe(const("b"))).named("n"), "t").named(
        "result"
    )
)
def gemm_between_reshapes(
    out: Builder, x: Value, w: Array, b: Array | None, n: Node, result: Node
) -> Value:
    """reshape(gemm(reshape(x)))  ->  x w + b over the last axis of x.

    A vector stays the matrix of one row that it was made for the kernels.
    """
    source, wanted, options = shape_of(x), shape_of(result.outputs[0]), attrs(n)
    inner, width = w.shape[::-1] if options["transB"] else w.shape
    plain = options["alpha"] == options["beta"] == 1 and not options["transA"]
    if not plain or source[-1:] != (inner,) or wanted != (*source[:-1], width):
        raise NoMatch("the reshapes do more than gather the leading axes")
    if len(source) < 2:
        raise NoMatch("x is a vector")
    if b is not None and b.size != width:
        raise NoMatch("the bias differs by row")
    if options["transB"] and not free_to_change(n.inputs[1]):
        raise NoMatch("the weight is large and shared")
    weight = np.ascontiguousarray(w.T) if options["transB"] else n.inputs[1]
    product = out.MatMul(x, weight)
    return product if b is None else out.Add(product, b.reshape(-1))


@rewrite(op.MatMul(op.Reshape("x", "shape").named("move"), const("w")).named("n"))
def matmul_before_unit_axes(out: Builder, x: Value, w: Array, move: Node, n: Node) -> Value:
    """reshape(x) w  ->  reshape(x w), where only axes of size 1 come, go or move."""
    source, moved = shape_of(x), shape_of(move.outputs[0])
    if w.ndim != 2 or source[-1:] != moved[-1:] or len(source) < 2:
        raise NoMatch("it is no product by a matrix over the same last axis")
    if [d for d in source if d != 1] != [d for d in moved if d != 1]:
        raise NoMatch("the reshape regroups axes")
    return out.Reshape(out.MatMul(x, n.inputs[1]), list(shape_of(n.outputs[0])))


HEADS = op.Transpose(
    op.Reshape(op.Add(op.MatMul("x", const("w")).named("n"), const("b")), const("shape"))
).named("turn")


@rewrite(op.Mul(op.MatMul(HEADS, "k"), const("c")))
def scale_of_scores(
    out: Builder,
    x: Value,
    w: Array,
    b: Array,
    shape: Array,
    k: Value,
    c: Array,
    n: Node,
    turn: Node,
) -> Value:
    """(heads(x w + b) k) * c  ->  heads(x (w c) + b c) k, for one number c: attention's scale."""
    if c.size != 1 or not free_to_change(n.inputs[1]):
        raise NoMatch("the scale is not one number, or the weight is large and shared")
    factor = c.reshape(-1)[0]
    query = out.Add(out.MatMul(x, w * factor), b * factor)
    return out.MatMul(out.Transpose(out.Reshape(query, shape), perm=attrs(turn)["perm"]), k)
