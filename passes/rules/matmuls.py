"""Constant matrix products: bias, scale and shift become part of them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, operand, shape_of
from mmc.passes.rules.gemms import free_to_change
from mmc.passes.rules.parts import row
from mmc.passes.rules.products import MAX_RANK
from mmc.pattern import Builder, NoMatch, const, either, maybe, op, rewrite


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
    b = constant(operand(n, 2))
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


@rewrite(op.Gemm("normed", const("w"), maybe(const("b"))).named("n"), loses_digits=True)
def bn_gemm(out: Builder, normed: Value, w: Array, b: Array | None, n: Node) -> Value:
    """bn(x) w + b  ->  x (s * w) + (b + t w), in every layer that reads a batch norm."""
    from mmc.passes.rules.conv_affine import scale_and_shift

    norm = normed.producer()
    if norm is None or norm.op_type != "BatchNormalization" or not is_product(n):
        raise NoMatch("it is no plain product of a batch norm")
    if not free_to_change(n.inputs[1]):
        raise NoMatch("the weight is large and shared")
    scale, shift = scale_and_shift(norm)
    turned = attrs(n)["transB"]
    bias = shift @ (w.T if turned else w) + (0 if b is None else b)
    weight = (w * (scale if turned else scale[:, None])).astype(w.dtype)
    return out.Gemm(norm.inputs[0], weight, bias.astype(w.dtype), transB=turned)


PRODUCT = op.MatMul("x", const("w")).named("n")
FLAT = op.Reshape(either(op.Add(PRODUCT, const("b")), PRODUCT), "shape").named("flat")


NORMED = either(FLAT, PRODUCT)


@rewrite(op.BatchNormalization(NORMED, "scale", "bias", "mean", "variance").named("norm"))
def matmul_bn(
    out: Builder, x: Value, w: Array, b: Array | None, n: Node, flat: Node | None, norm: Node
) -> Value:
    """bn(reshape(x w + b))  ->  reshape(x (w * s) + b * s + t), where the columns stay."""
    from mmc.passes.rules.conv_affine import scale_and_shift

    if w.ndim != 2 or not free_to_change(n.inputs[1]):
        raise NoMatch("the weight is no matrix, or is large and shared")
    rows = shape_of(norm.outputs[0])
    if rows[1:] != (w.shape[1],):
        raise NoMatch("the columns of the product are not the channels")
    scale, shift = scale_and_shift(norm)
    product = out.MatMul(x, (w * scale).astype(w.dtype))
    bias = shift if b is None else row(b, w.shape[1]) * scale + shift
    made = out.Add(product, bias.astype(w.dtype))
    return made if flat is None else out.Reshape(made, list(rows))


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


LAYER = either(
    op.Gemm("rows", const("w"), maybe(const("b"))).named("n"),
    op.MatMul("rows", const("w")).named("n"),
)


@rewrite(op.Reshape(LAYER, "t").named("result"))
def layer_between_reshapes(
    out: Builder, rows: Value, w: Array, b: Array | None, n: Node, result: Node
) -> Value:
    """reshape(reshape(x) w + b)  ->  x w + b, where leading axes stay, and at most one reshape.

    A vector stays the matrix of one row that it was made for the kernels.
    """
    turned = n.op_type == "Gemm" and attrs(n)["transB"]
    move = rows.producer()  # layers share it: queries, keys and values
    x = move.inputs[0] if move is not None and move.op_type == "Reshape" else None
    if x is None or w.ndim != 2 or not is_product(n):
        raise NoMatch("it is no plain product of a reshape by a matrix")
    inner, width = w.shape[::-1] if turned else w.shape
    source, wanted = shape_of(x), shape_of(result.outputs[0])
    lead = source[: leading(source, wanted, inner, width)]
    read, made = (*lead, inner), (*lead, width)
    if not lead or read == shape_of(rows) or (source != read and wanted != made):
        raise NoMatch("the reshapes do more than gather the leading axes")
    if len(made) > MAX_RANK:
        raise NoMatch(f"products of {len(made)} axes are taken apart")
    bias = None if b is None else row(b, width)
    if turned and not free_to_change(n.inputs[1]):
        raise NoMatch("the weight is large and shared")
    places = x if source == read else out.Reshape(x, list(read))
    product = out.MatMul(places, np.ascontiguousarray(w.T) if turned else n.inputs[1])
    product = product if bias is None else out.Add(product, bias)
    return product if wanted == made else out.Reshape(product, list(wanted))


def is_product(node: Node) -> bool:
    """Say whether a MatMul or Gemm is x w, maybe w transposed, plus a bias."""
    options = attrs(node)
    return node.op_type == "MatMul" or (
        options["alpha"] == options["beta"] == 1 and not options["transA"]
    )


def leading(source: tuple[int, ...], wanted: tuple[int, ...], inner: int, width: int) -> int:
    """Return how many leading axes a layer keeps from one shape to another; 0 for none."""
    for count in range(min(len(source), len(wanted)) - 1, 0, -1):
        if source[:count] == wanted[:count] and prod(source[count:]) == inner:
            return count if prod(wanted[count:]) == width else 0
    return 0


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
