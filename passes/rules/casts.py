"""Casts that do nothing, and chains of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mmc.ir import Node, Value, attrs, dtype_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, op, rewrite


@rewrite(op.Cast("x").named("n"), stage="canonicalize", contract=Contract.EXACT)
def cast_to_same(out: Builder, x: Value, n: Node) -> Value:
    """cast(x, type of x)  ->  x."""
    if x.dtype != ir.DataType(attrs(n)["to"]):
        raise NoMatch("it changes the type")
    return x


@rewrite(
    op.Cast(op.Cast("x").named("inner")).named("outer"),
    stage="canonicalize",
    contract=Contract.EXACT,
)
def cast_cast(out: Builder, x: Value, inner: Node, outer: Node) -> Value:
    """cast(cast(x, wider), t)  ->  cast(x, t), where the wider type holds every value of x."""
    narrow, wide = dtype_of(x), dtype_of(inner.outputs[0])
    if not holds(narrow, wide):
        raise NoMatch(f"{wide} does not hold every {narrow}")
    return out.Cast(x, to=attrs(outer)["to"])


def holds(narrow: np.dtype[Any], wide: np.dtype[Any]) -> bool:
    """Say whether `wide` represents every value of `narrow`."""
    if narrow == np.bool_ or narrow == wide:
        return wide.kind in "biuf"
    return wide.kind in "iuf" and narrow.kind in "iuf" and np.can_cast(narrow, wide, "safe")
