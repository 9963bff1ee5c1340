"""Products of one-hot rows are rows of a table, which a processor only copies (stage `lanes`)."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, const, maybe, mmc_op, op, rewrite

LEAST_ROWS = 8
"""A product of fewer numbers takes no longer than what brings any place into the table."""
INTEGERS = (np.int32, np.int64)
UNARY = ("Elu", "Erf", "Exp", "Gelu", "HardSwish", "Log", "Relu", "Sigmoid", "Sqrt", "Tanh")


@rewrite(
    mmc_op.Linear(
        op.Cast(op.Equal("x", const("numbers"))).named("cast"), const("w"), maybe(const("b"))
    ),
    stage="lanes",
)
def rows_of_one_hot(
    out: Builder, x: Value, numbers: Array, w: Array, b: Array | None, cast: Node
) -> Value:
    """linear(x == (0, ..., K - 1), w (M, K), b)  ->  gather((b, w^T + b, b), clip(x, -1, K) + 1).

    A place outside of 0 to K - 1 equals none of them: it reads a row of the bias alone.
    """
    rows, shape = w.shape[1], shape_of(x)
    counted = numbers.size == rows and (numbers.reshape(-1) == np.arange(rows)).all()
    if not counted or shape_of(cast.outputs[0]) != (*shape[:-1], rows) or shape[-1:] != (1,):
        raise NoMatch("it compares one number with others than 0, 1, and so on")
    if dtype_of(x) not in INTEGERS or dtype_of(cast.outputs[0]) != w.dtype or rows < LEAST_ROWS:
        raise NoMatch("it compares no integers, or few")
    table = np.zeros((rows + 2, len(w)), w.dtype)
    table[1:-1] = w.T
    table += 0 if b is None else b
    place = out.Max(out.Reshape(x, list(shape[:-1])), np.array(-1, dtype_of(x)))
    place = out.Add(out.Min(place, np.array(rows, dtype_of(x))), np.array(1, dtype_of(x)))
    return out.Gather(table, place, axis=0)


@rewrite(op[UNARY](op.Gather(const("table"), "i").named("rows")).named("n"), stage="lanes")
def function_of_rows(out: Builder, table: Array, i: Value, rows: Node, n: Node) -> Value:
    """f(gather(table, i))  ->  gather(f(table), i), for a table smaller than the result."""
    if table.size >= np.prod(shape_of(n.outputs[0])):
        raise NoMatch("the table has no fewer elements than are read")
    return out.again(rows, [out.again(n, [rows.inputs[0]]), i])
