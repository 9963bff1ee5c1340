"""A function that keeps the order is computed of the largest numbers alone (stage `lanes`)."""

from __future__ import annotations

from math import prod

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.opset import DOMAIN
from mmc.pattern import Builder, NoMatch, const, either, op, rewrite
from mmc.pattern_language import OpPattern

RISING = op["LeakyRelu", "Elu", "Sigmoid", "Tanh", "HardSigmoid"]("x").named("f")
FUNCTION = either(RISING, op.PRelu("x", const("slope")).named("f"))


@rewrite(OpPattern(("MaxPool2d",), DOMAIN, (FUNCTION,)).named("pool"), stage="lanes")
def function_after_pool(out: Builder, x: Value, f: Node, slope: Array | None, pool: Node) -> Value:
    """maxpool2d(f(x))  ->  f(maxpool2d(x)), for a rising f that is the same at all places."""
    if prod(shape_of(pool.outputs[0])) >= prod(shape_of(x)):
        raise NoMatch("the pool makes no fewer elements")
    if slope is None:
        falls = attrs(f).get("alpha", 1.0) < 0
    else:
        falls = bool((slope < 0).any()) or slope.size not in (1, *slope.shape[-1:])
    if falls:
        raise NoMatch("it falls somewhere, or has slopes for rows or columns")
    return out.again(f, [out.again(pool, [x]), *f.inputs[1:]])
