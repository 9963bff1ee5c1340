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


ROUNDED = op.Cast(op["Floor", "Ceil", "Round"](...).named("whole")).named("inner")


@rewrite(op.Cast(ROUNDED).named("outer"), stage="canonicalize", contract=Contract.EXACT)
def cast_of_whole_numbers(out: Builder, whole: Node, inner: Node, outer: Node) -> Value:
    """float(int(floor(x)))  ->  floor(x); beyond the integers ONNX does not say what a cast is."""
    return without_integers(whole, inner, outer)


@rewrite(
    op.Cast(op.Reshape(ROUNDED, "shape")).named("outer"),
    stage="canonicalize",
    contract=Contract.EXACT,
)
def cast_of_reshaped_whole_numbers(
    out: Builder, whole: Node, inner: Node, shape: Value, outer: Node
) -> Value:
    """float(reshape(int(floor(x))))  ->  reshape(floor(x)), as above."""
    made: Value = out.Reshape(without_integers(whole, inner, outer), shape)
    return made


def without_integers(whole: Node, inner: Node, outer: Node) -> Value:
    """Return the whole numbers that become integers and floats again."""
    if attrs(inner)["to"] not in (ir.DataType.INT32, ir.DataType.INT64):
        raise NoMatch("the integers are small")
    found = whole.outputs[0]
    if found.dtype != ir.DataType(attrs(outer)["to"]):
        raise NoMatch("it comes back in another type")
    return found


def holds(narrow: np.dtype[Any], wide: np.dtype[Any]) -> bool:
    """Say whether `wide` represents every value of `narrow`."""
    if narrow == np.bool_ or narrow == wide:
        return wide.kind in "biuf"
    return wide.kind in "iuf" and narrow.kind in "iuf" and np.can_cast(narrow, wide, "safe")
