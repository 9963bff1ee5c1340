"""Gemm in one form: no alpha, beta or transA, a constant weight stored (outputs, inputs)."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, shape_of
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

SMALL = 65536


def free_to_change(value: Value | None) -> bool:
    """Say whether rewriting this constant costs no second copy of a large weight."""
    if value is None or value.const_value is None:
        return False
    return value.const_value.nbytes <= SMALL or len(value.uses()) == 1


@rewrite(op.Gemm("x", const("w"), maybe("b")).named("n"), stage="canonicalize")
def gemm_constant_weight(out: Builder, x: Value, w: Array, b: Value | None, n: Node) -> Value:
    """alpha x^T w + beta b  ->  x^T (alpha w^T)^T + (beta b):  transB=1, alpha = beta = 1."""
    options = attrs(n)
    bias = constant(b)
    plain = options["alpha"] == 1 and options["transB"] == 1 and not options["transA"]
    scaled = b is not None and options["beta"] != 1
    if plain and not scaled:
        raise NoMatch("it has that form")
    if not free_to_change(n.inputs[1]):
        raise NoMatch("the weight is large and shared")
    if scaled and bias is None:
        raise NoMatch("beta scales a computed bias")
    weight = w if options["transB"] else w.T
    if options["alpha"] != 1:
        weight = weight * weight.dtype.type(options["alpha"])
    added = b if bias is None else bias * bias.dtype.type(options["beta"])
    source = out.Transpose(x, perm=[1, 0]) if options["transA"] else x
    return out.Gemm(*[source, weight, added][: 3 if b is not None else 2], transB=1)


@rewrite(op.Gemm("x", const("w"), const("b")).named("n"), stage="canonicalize")
def gemm_bias_vector(out: Builder, x: Value, b: Array, n: Node) -> Value:
    """gemm(x, w, b (1,) or (1, M))  ->  gemm(x, w, b (M,))."""
    width = shape_of(n.outputs[0])[1]
    if b.shape == (width,):
        raise NoMatch("the bias is a vector")
    if b.ndim == 2 and b.shape[0] != 1:
        raise NoMatch("the bias differs by row")
    vector = np.ascontiguousarray(np.broadcast_to(b.reshape(-1), (width,)))
    return out.again(n, [x, n.inputs[1], vector])


@rewrite(op.Gemm("x", "y", maybe("b")).named("n"), stage="canonicalize")
def gemm_of_values(out: Builder, x: Value, y: Value, b: Value | None, n: Node) -> Value:
    """gemm(x, y, b)  ->  x y + b, for a computed y without scales."""
    options = attrs(n)
    if constant(y) is not None:
        raise NoMatch("the weight is constant")
    if options["alpha"] != 1 or (b is not None and options["beta"] != 1):
        raise NoMatch("it has a scale")
    left = out.Transpose(x, perm=[1, 0]) if options["transA"] else x
    right = out.Transpose(y, perm=[1, 0]) if options["transB"] else y
    product = out.MatMul(left, right)
    return product if b is None else out.Add(product, b)
