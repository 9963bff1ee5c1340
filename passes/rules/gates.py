"""What is done to a tensor that a gate has scaled is done to the gate: it is smaller (`lanes`)."""

from __future__ import annotations

from math import prod

from mmc.ir import Array, Value, shape_of
from mmc.pattern import Builder, NoMatch, const, op, rewrite


def large_and_small(a: Value, b: Value) -> tuple[Value, Value]:
    """Return the operands of a product, the larger first; refuse two of one size."""
    large, small = sorted((a, b), key=lambda v: -prod(shape_of(v)))
    rank = len(shape_of(large))
    wide = (1,) * (rank - len(shape_of(small))) + shape_of(small)
    if any(s not in (1, n) for s, n in zip(wide, shape_of(large), strict=True)):
        raise NoMatch("the product is larger than its operands")
    if prod(shape_of(large)) == prod(shape_of(small)):
        raise NoMatch("no operand is smaller than the product")
    return large, small


@rewrite(op.Mul(op.Mul("a", "b"), const("c")), stage="lanes")
def number_of_gate(out: Builder, a: Value, b: Value, c: Array) -> Value:
    """(x * g) * c  ->  x * (g * c), for a number c and a smaller g."""
    x, gate = large_and_small(a, b)
    if c.size != 1:
        raise NoMatch(f"the factor has shape {c.shape}")
    return out.Mul(x, out.Mul(gate, c.reshape(())))


@rewrite(op.Add(op.Mul("a", "b"), "r"), stage="lanes")
def residual_of_gate(out: Builder, a: Value, b: Value, r: Value) -> Value:
    """x * g + x  ->  x * (g + 1), for a smaller g."""
    x, gate = large_and_small(a, b)
    if r is not x:
        raise NoMatch("what is added is not what the gate scales")
    return out.Mul(x, out.Add(gate, 1.0))
