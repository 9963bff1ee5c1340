"""Dropout that drops nothing, where its result is an output of the model."""

from __future__ import annotations

import numpy as np

from mmc.ir import Node, Value, constant, shape_of
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite


@rewrite(
    op.Dropout("x", maybe("ratio"), maybe("training")).named("n"),
    stage="decompose",
    contract=Contract.EXACT,
)
def dropout_of_nothing(
    out: Builder, x: Value, ratio: Value | None, training: Value | None, n: Node
) -> tuple[Value, ...]:
    """dropout(x)  ->  identity(x), a mask of ones: at inference, or with ratio 0."""
    if not (is_zero(training) or (ratio is not None and is_zero(ratio))):
        raise NoMatch("it drops at random: training_mode is, or may be, true")
    kept = out.Identity(x)
    if len(n.outputs) == 1:
        return (kept,)
    return kept, out.Identity(np.ones(shape_of(x), bool))


def is_zero(value: Value | None) -> bool:
    """Say whether an operand is omitted, or known to be 0 or false."""
    known = constant(value)
    return value is None or (known is not None and not known.any())
