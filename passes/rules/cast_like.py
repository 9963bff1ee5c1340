"""Casts to the type of another value."""

from __future__ import annotations

from mmc.ir import DataType, Node, Value, dtype_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, op, rewrite


@rewrite(op.CastLike("x", "y").named("n"), stage="canonicalize", contract=Contract.EXACT)
def cast_like(out: Builder, x: Value, y: Value, n: Node) -> Value:
    """castlike(x, y)  ->  cast(x, to=type(y))."""
    if n.attributes.get("round_mode") is not None:
        raise NoMatch("it rounds in a mode of its own")
    return out.Cast(x, to=int(DataType.from_numpy(dtype_of(y))))
