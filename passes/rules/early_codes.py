"""Codes are made of floats before these are pooled or moved, not after (stage `early`)."""

from __future__ import annotations

import numpy as np

from mmc.integers.integer_ops import INTEGER, dequantizer
from mmc.ir import Node, Value, constant, dtype_of
from mmc.opset import DOMAIN
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, const, either, maybe, op, rewrite
from mmc.pattern_language import OpPattern

MOVED = either(
    OpPattern(("MaxPool2d",), DOMAIN, ("x",)).named("move"), op.Transpose("x").named("move")
)


@rewrite(
    op.QuantizeLinear(MOVED, const("scale"), maybe(const("zero"))).named("n"),
    stage="early",
    contract=Contract.EXACT,
)
def codes_before_move(out: Builder, x: Value, move: Node, n: Node) -> Value:
    """codes(maxpool(x))  ->  maxpool(codes(x)): rounding keeps the order;  transpose likewise."""
    scale = constant(n.inputs[1])
    if scale is None or scale.size != 1 or dtype_of(n.outputs[0]) != np.int8:
        raise NoMatch("its codes are not of 8 bits in one scale")
    if dequantizer(x) is not None:
        raise NoMatch("it reads codes already")
    given = n.inputs[1:]
    floats = out.DequantizeLinear(out.again(n, [x, *given]), *given)
    moved = out.again(move, [floats])
    maker = moved.producer()
    assert maker is not None
    maker.metadata_props[INTEGER] = "8"
    return out.again(n, [moved, *given])
