"""Products of matrices, and attention."""

from __future__ import annotations

from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.lowering import Unsupported
from mmc.ir import Node, shape_of
from mmc.opset import DOMAIN

MAX_LINEAR_RANK = 3


@lowers("Linear", domain=DOMAIN)
def linear(e: Emitter, n: Node) -> None:
    """y = x wᵀ + b, x (..., K), w (M, K) constant -> linear, or matmul above rank 3."""
    x, weight, bias = e.var(n.inputs[0]), e.var(n.inputs[1]), e.optional(n, 2)
    shape = shape_of(n.outputs[0])
    constant = (weight.is_constant or weight.fixed) and (bias is None or bias.is_constant)
    if constant and len(shape) <= MAX_LINEAR_RANK:
        y = e.op("linear", shape, e.float, x=x, weight=weight, bias=bias)
    else:
        y = e.op("matmul", shape, e.float, x=x, y=weight, transpose_x=False, transpose_y=True)
        y = y if bias is None else e.like("add", y, y=bias)
    e.set(n.outputs[0], y)


@lowers("MatMul")
def matmul(e: Emitter, n: Node) -> None:
    """y = a b over the last two axes, the others broadcast -> matmul."""
    product(e, n, turn_a=False, turn_b=False)


@lowers("MatMulNT", "MatMulTN", "MatMulTT", domain=DOMAIN)
def matmul_turned(e: Emitter, n: Node) -> None:
    """y = a bᵀ, aᵀ b or aᵀ bᵀ -> matmul with the operands marked as transposed."""
    product(e, n, turn_a=n.op_type[-2] == "T", turn_b=n.op_type[-1] == "T")


def product(e: Emitter, n: Node, *, turn_a: bool, turn_b: bool) -> None:
    """Emit matmul."""
    a, b = (e.var(v) for v in n.inputs)
    if min(len(a.shape), len(b.shape)) < 2:
        raise Unsupported("a product of vectors")
    if a.dtype != e.float:
        raise Unsupported("a product of integers")
    shape = shape_of(n.outputs[0])
    e.set(
        n.outputs[0],
        e.op("matmul", shape, e.float, x=a, y=b, transpose_x=turn_a, transpose_y=turn_b),
    )


@lowers("ScaledDotProductAttention", domain=DOMAIN)
def attention(e: Emitter, n: Node) -> None:
    """y = softmax(q kᵀ / sqrt(size) + mask) v -> scaled_dot_product_attention (iOS 18)."""
    query, key, value = (e.var(v) for v in n.inputs[:3])
    given = {"query": query, "key": key, "value": value, "attn_mask": e.optional(n, 3)}
    shape = shape_of(n.outputs[0])
    e.set(n.outputs[0], e.op("scaled_dot_product_attention", shape, e.float, **given))
