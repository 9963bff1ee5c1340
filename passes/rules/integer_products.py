"""Products of 8-bit codes as float products, with their scales behind the sum or in front of it.

The sum of 64 such products can exceed 65504, the largest float16: programs that compute in float16
take the forms of stage `half`, which scale the codes.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from mmc.ir import Node, Value, attrs, constant, operand, shape_of
from mmc.passes.rules.quantized import CONV, FLOAT, along, codes
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite


def zero_rows(zero: Value | None, rank: int) -> tuple[int, ...] | None:
    """Return the shape of a zero point per row of the left operand."""
    if zero is None or int(np.prod(shape_of(zero))) == 1 or len(shape_of(zero)) != 1:
        return None
    return (*[1] * (rank - 2), -1, 1)


MATMUL = op.MatMulInteger("a", "b", maybe("za"), maybe("zb")).named("product")
CONV_INTEGER = op.ConvInteger("x", "w", maybe("zx"), maybe("zw")).named("product")


def product_of(out: Builder, product: Node, left: Value | None = None, right: Any = None) -> Any:
    """Return the integer product of a node in float32: exact to 24 bits, else rounded as floats.

    `left` and `right` are factors of its operands.
    """
    a, b = product.inputs[:2]
    za, zb = (operand(product, i) for i in (2, 3))
    assert a is not None
    assert b is not None
    if product.op_type == "MatMulInteger":
        x = scaled(out, codes(out, a, za, zero_rows(za, len(shape_of(a)))), left)
        return out.MatMul(x, scaled(out, codes(out, b, zb), right))
    given = attrs(product)
    options = {name: given[name] for name in CONV if name in given}
    per_channel = None if zb is None else along(zb, b, 0)
    weight = scaled(out, codes(out, b, zb, per_channel), right)
    return out.node("Conv", [scaled(out, codes(out, a, za), left), weight], **options)


def scaled(out: Builder, x: Any, factor: Any) -> Any:
    """Return x times a factor; an array if both are constant."""
    if factor is None:
        return x
    known = constant(factor) if isinstance(factor, Value) else factor
    if isinstance(x, Value) or known is None:
        return out.Mul(x, factor)
    return np.asarray(x * known, np.float32)


@rewrite(op.Cast(MATMUL, to=FLOAT), stage="decompose")
def float_matmul_integer(out: Builder, product: Node) -> Value:
    """float((a - za) (b - zb))  ->  float(a - za) float(b - zb)."""
    made: Value = product_of(out, product)
    return made


@rewrite(op.Cast(CONV_INTEGER, to=FLOAT), stage="decompose")
def float_conv_integer(out: Builder, product: Node) -> Value:
    """float(conv(x - zx, w - zw))  ->  conv(float(x - zx), float(w - zw))."""
    made: Value = product_of(out, product)
    return made


@rewrite(MATMUL, stage="decompose")
def matmul_integer(out: Builder, product: Node) -> Value:
    """(a - za) (b - zb), as floats and back."""
    return _integer(out, product)


@rewrite(CONV_INTEGER, stage="decompose")
def conv_integer(out: Builder, product: Node) -> Value:
    """conv(x - zx, w - zw), as floats and back."""
    return _integer(out, product)


def _integer(out: Builder, product: Node) -> Value:
    uses = list(product.outputs[0].uses())
    if not product.outputs[0].is_graph_output() and len(uses) == 1:
        user = uses[0].node
        if user.op_type == "Cast" and attrs(user)["to"] == FLOAT:
            raise NoMatch("it is cast to float, which needs no integers")
    made: Value = out.Cast(product_of(out, product), to=6)
    return made


@rewrite(op.Mul(op.Cast(MATMUL, to=FLOAT), "scale"), stage="half")
def scaled_matmul_integer(out: Builder, product: Node, scale: Value) -> Value:
    """float((a - za) (b - zb)) sa sb  ->  ((a - za) sa) ((b - zb) sb)."""
    first, second = factors(scale)
    if second is not None:
        second = along_last(out, second)
    made: Value = product_of(out, product, first, second)
    return made


@rewrite(op.Mul(op.Cast(CONV_INTEGER, to=FLOAT), "scale"), stage="half")
def scaled_conv_integer(out: Builder, product: Node, scale: Value) -> Value:
    """float(conv(x - zx, w - zw)) sx sw  ->  conv((x - zx) sx, (w - zw) sw)."""
    first, second = factors(scale)
    if second is not None and prod(shape_of(second)) != 1:
        rank = len(shape_of(product.outputs[0]))
        if shape_of(second)[-rank + 1 :] != (prod(shape_of(second)), *[1] * (rank - 2)):
            raise NoMatch("its scale is not one a channel")
        second = reshaped(out, second, (-1, *[1] * (rank - 1)))
    made: Value = product_of(out, product, first, second)
    return made


@rewrite(
    op.Mul(
        op.Cast(op.Add(op["MatMulInteger", "ConvInteger"](...), "b").named("sum"), to=FLOAT), "s"
    ),
    stage="half",
)
def scaled_biased_product(out: Builder, sum: Node, b: Value, s: Value) -> Value:
    """float(p + b) s  ->  float(p) s + float(b) s, for an integer product p."""
    product = next(v for v in sum.inputs if v is not b)
    return out.Add(*(out.Mul(out.Cast(x, to=FLOAT), s) for x in (product, b)))


def factors(scale: Value) -> tuple[Value | None, Value | None]:
    """Return the factors of a scale for the left operand, one number, and for the right one."""
    if constant(scale) is not None:
        return None, scale
    node = scale.producer()
    if node is not None and node.op_type == "Mul":
        for a, b in (node.inputs, reversed(node.inputs)):
            if a is not None and prod(shape_of(a)) == 1 and constant(a) is None:
                return a, b
    if prod(shape_of(scale)) != 1:
        raise NoMatch("its scale is not one number times one a column")
    return scale, None


def along_last(out: Builder, scale: Value) -> Any:
    """Return one number, or one a column, in a shape that broadcasts against any matrix."""
    shape = shape_of(scale)
    if prod(shape) != (shape[-1] if shape else 1):
        raise NoMatch("its scale is not one a column")
    return reshaped(out, scale, (-1,))


def reshaped(out: Builder, x: Value, shape: tuple[int, ...]) -> Any:
    """Return x in another shape: an array if it is constant."""
    array = constant(x)
    return out.Reshape(x, list(shape)) if array is None else array.reshape(shape)
