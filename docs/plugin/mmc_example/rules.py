"""A rule: the pattern above, the replacement below, its equation in the docstring."""

from __future__ import annotations

from mmc.ir import Value
from mmc.pattern import Builder, NoMatch, op, rewrite


@rewrite(op.Sqrt(op.Mul("x", "y")), stage="recognize")
def sqrt_of_square(out: Builder, x: Value, y: Value) -> Value:
    """sqrt(x * x)  ->  |x|."""
    if x is not y:
        raise NoMatch("the factors are not one value")
    return out.Abs(x)
