"""Numbers that scale a whole tensor, moved to where they cost nothing."""

from __future__ import annotations

from mmc.ir import Array, Value, constant
from mmc.pattern import Builder, NoMatch, const, op, rewrite


def _one_number(c: Array) -> None:
    if c.size != 1:
        raise NoMatch(f"the factor has shape {c.shape}")


@rewrite(op.Mul("a", op.Mul("b", const("c"))))
def scale_last(out: Builder, a: Value, b: Value, c: Array) -> Value:
    """a * (b * c)  ->  (a * b) * c, for a number c: what follows can then absorb it."""
    _one_number(c)
    if constant(a) is not None or constant(b) is not None:
        raise NoMatch("a product of constants")
    product: Value = out.Mul(out.Mul(a, b), c.reshape(()))
    return product


@rewrite(op.MatMul(op.Mul("a", const("c")), op.Mul("b", const("d"))))
def scales_of_both_factors(out: Builder, a: Value, b: Value, c: Array, d: Array) -> Value:
    """(a c) (b d)  ->  (a (c d)) b, for numbers c and d: attention scaled on both sides."""
    _one_number(c)
    _one_number(d)
    if constant(a) is not None or constant(b) is not None:
        raise NoMatch("a product of constants")
    product: Value = out.MatMul(out.Mul(a, (c * d).reshape(())), b)
    return product
