"""HardSigmoid and HardSwish, in all the ways that exporters below opset 14 spell them."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, dtype_of
from mmc.pattern import Builder, NoMatch, const, op, rewrite

SIXTH = 1 / 6
SHIFTED = op.Clip(op.Add("x", 3), 0, 6)


@rewrite(op.Mul(SHIFTED, SIXTH), stage="recognize")
def recognize_hard_sigmoid(out: Builder, x: Value) -> Value:
    """clip(x + 3, 0, 6) / 6  ->  hardsigmoid(x, 1/6, 0.5)."""
    return out.HardSigmoid(x, alpha=SIXTH, beta=0.5)


@rewrite(op.Clip(op.Add(op.Mul("x", const("a")), const("b")), 0, 1), stage="recognize")
def hard_sigmoid_unit(out: Builder, x: Value, a: Array, b: Array) -> Value:
    """clip(a x + b, 0, 1)  ->  hardsigmoid(x, a, b)."""
    if a.size != 1 or b.size != 1:
        raise NoMatch("slope and offset are not one number each")
    return out.HardSigmoid(x, alpha=float(a.item()), beta=float(b.item()))


@rewrite(op.Clip(op.Mul(op.Add("x", const("b")), const("a")), 0, 1), stage="recognize")
def hard_sigmoid_of_shifted(out: Builder, x: Value, a: Array, b: Array) -> Value:
    """clip((x + b) a, 0, 1)  ->  hardsigmoid(x, a, a b)."""
    if a.size != 1 or b.size != 1:
        raise NoMatch("scale and offset are not one number each")
    return out.HardSigmoid(x, alpha=float(a.item()), beta=float(a.item()) * float(b.item()))


@rewrite(op.Mul("x", op.HardSigmoid("x").named("gate")), stage="recognize")
def hard_swish(out: Builder, x: Value, gate: Node) -> Value:
    """x * hardsigmoid(x, 1/6, 0.5)  ->  hardswish(x)."""
    options = attrs(gate)
    if not np.isclose(options["alpha"], SIXTH, rtol=1e-4) or abs(options["beta"] - 0.5) > 1e-6:
        raise NoMatch(f"slope {options['alpha']} and offset {options['beta']} are not 1/6 and 0.5")
    return out.HardSwish(x)


@rewrite(op.Mul("x", SHIFTED), stage="recognize")
def hard_swish_times_six(out: Builder, x: Value) -> Value:
    """x clip(x + 3, 0, 6)  ->  6 hardswish(x): the factor goes where the exporter divides."""
    return out.Mul(out.HardSwish(x), np.array(6, dtype_of(x)))


@rewrite(op.Mul(op.Mul("x", const("c")), SHIFTED), stage="recognize")
def hard_swish_scaled_first(out: Builder, x: Value, c: Array) -> Value:
    """(x c) clip(x + 3, 0, 6)  ->  hardswish(x) (6 c)."""
    return out.Mul(out.HardSwish(x), c * c.dtype.type(6))
