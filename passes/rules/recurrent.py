"""LSTM, GRU and RNN unrolled: one product for all steps' inputs, then a small graph a step."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

from .parts import need_float, reshape
from .recurrent_cells import (
    Cell,
    columns,
    functions_of,
    gru_step,
    lstm_step,
    resets_after,
    rnn_step,
    tail,
    transposed,
)

NODE_LIMIT = 10_000
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
NODES_PER_STEP = {"RNN": 5, "GRU": 12, "LSTM": 13}


def recurrent(out: Builder, n: Node, **parts: Value | None) -> tuple[Value, ...]:
    """Return Y, Y_h (and Y_c) of a recurrent node, step by step."""
    x = parts["x"]
    assert x is not None
    need_float(x)
    given = attrs(n)
    batch_first = bool(given.get("layout"))
    if batch_first:
        x = out.Transpose(x, perm=[1, 0, 2])
    shape = shape_of(n.inputs[0])
    steps, batch = (shape[1], shape[0]) if batch_first else shape[:2]
    lengths = Lengths.of(out, n, steps, parts["lengths"])
    directions = shape_of(n.inputs[1])[0]
    if directions * steps * NODES_PER_STEP[n.op_type] > NODE_LIMIT:
        raise NoMatch(f"{steps} steps unrolled would be more than {NODE_LIMIT} operators")
    rows, last = [], []
    for direction in range(directions):
        backward = given["direction"] == "reverse" or direction == 1
        cell = Cell(out, n, direction, given, functions_of(out, n, direction), parts)
        series, states = run(cell, x, steps, batch, backward, batch_first, lengths)
        rows.append(series)
        last.append(states)
    return assemble(out, n, rows, last, batch_first)


@dataclass(frozen=True)
class Lengths:
    """How many steps each sequence of the batch has; None: all of them, `steps`."""

    out: Builder
    steps: int
    given: Value | None
    known: Array | None

    @classmethod
    def of(cls, out: Builder, n: Node, steps: int, given: Value | None) -> Lengths:
        """Read the operand; what is constant saves the steps that no sequence has."""
        known = constant(given)
        if known is not None and (known < 1).any():
            raise NoMatch("a sequence has no steps")
        if known is not None and (known >= steps).all():
            return cls(out, steps, None, None)
        return cls(out, steps, given, known)

    def select(self, t: int, new: Value, old: Any) -> Value:
        """Return `new` for the sequences that have step t, `old` for those that ended before."""
        if self.given is None or (self.known is not None and (self.known > t).all()):
            return new
        if self.known is not None:
            return self.out.Where((self.known > t)[:, None], new, old)
        runs = self.out.Greater(self.given, np.array(t, dtype_of(self.given)))
        made: Value = self.out.Where(reshape(self.out, runs, (-1, 1)), new, old)
        return made


def run(
    cell: Cell,
    x: Value,
    steps: int,
    batch: int,
    backward: bool,
    batch_first: bool,
    lengths: Lengths,
) -> tuple[list[Value], list[Value]]:
    """Unroll one direction; returns the state after every step, in time order, and the last."""
    kind = cell.node.op_type
    inputs = projected(cell, x, steps, batch)
    states = [start(cell, name, batch, batch_first) for name in ("h0", "c0")]
    step = {"RNN": rnn_step, "GRU": gru_step, "LSTM": lstm_step}[kind](cell)
    zeros = np.zeros((1, 1), dtype_of(cell.node.inputs[0]))
    series: list[Value] = []
    order = range(steps - 1, -1, -1) if backward else range(steps)
    for t in order:
        after = step(inputs[t], states)
        # A sequence that has ended keeps its state; its results are zero from there on.
        series.append(lengths.select(t, after[0], zeros))
        states = [lengths.select(t, *pair) for pair in zip(after, states, strict=False)]
    return series[::-1] if backward else series, states


def projected(cell: Cell, x: Value, steps: int, batch: int) -> list[list[Value]]:
    """Return x Wᵀ + the bias that adds to it: for every step its blocks (batch, block).

    All steps are one product. A GRU's candidate gate is a block of its own, as it is used apart.
    """
    out, hidden = cell.out, cell.hidden
    w, b = transposed(out, cell.part("w")), cell.part("b")
    bias = None if b is None else input_bias(cell, b)
    rows = reshape(out, x, (steps * batch, shape_of(cell.node.inputs[0])[2]))
    whole = GATES[cell.node.op_type] * hidden
    edges = [0, 2 * hidden, whole] if cell.node.op_type == "GRU" else [0, whole]
    blocks = []
    for first, end in pairwise(edges):
        y = out.MatMul(rows, columns(out, w, first, end))
        if bias is not None:
            y = out.Add(y, tail(out, bias, first, end))
        blocks.append(pieces(out, y, steps))
    return [list(step) for step in zip(*blocks, strict=True)]


def pieces(out: Builder, y: Value, count: int) -> list[Value]:
    """Return `count` equal pieces of y along its first axis."""
    if count == 1:
        return [y]
    return list(out.node("Split", [y], outputs=count, axis=0, num_outputs=count))


def input_bias(cell: Cell, b: Any) -> Any:
    """Return Wb + Rb; a GRU that resets after the product keeps Rb of its last gate apart."""
    out, size = cell.out, GATES[cell.node.op_type] * cell.hidden
    if isinstance(b, np.ndarray):
        kept = b[size:].copy()
        if resets_after(cell):
            kept[2 * cell.hidden :] = 0
        return b[:size] + kept
    own, other = out.Slice(b, [0], [size], [0]), out.Slice(b, [size], [2 * size], [0])
    if resets_after(cell):
        keep = np.repeat([1, 1, 0], cell.hidden).astype(dtype_of(cell.node.inputs[0]))
        other = out.Mul(other, keep)
    return out.Add(own, other)


def start(cell: Cell, name: str, batch: int, batch_first: bool) -> Value:
    """Return the initial state (batch, hidden); zeros where it is omitted."""
    out, value = cell.out, cell.parts.get(name)
    if value is None:
        zeros = np.zeros((batch, cell.hidden), dtype_of(cell.node.inputs[0]))
        made = out.lift(zeros)
        assert made is not None
        return made
    axis = 1 if batch_first else 0
    piece = out.Slice(value, [cell.direction], [cell.direction + 1], [axis])
    return reshape(out, piece, (batch, cell.hidden))


def assemble(
    out: Builder, n: Node, rows: list[list[Value]], last: list[list[Value]], batch_first: bool
) -> tuple[Value, ...]:
    """Return Y (steps, directions, batch, hidden), Y_h and Y_c (directions, batch, hidden)."""
    batch = shape_of(n.inputs[0])[0 if batch_first else 1]
    hidden, steps, directions = shape_of(n.inputs[2])[2], len(rows[0]), len(rows)
    made: list[Value] = []
    if n.outputs[0].uses() or n.outputs[0].is_graph_output():
        # Time first, then direction: (steps * directions, batch, hidden) in this order.
        flat = [rows[d][t] for t in range(steps) for d in range(directions)]
        made.append(stack(out, flat, (steps, directions, batch, hidden), batch_first, (2, 0, 1, 3)))
    else:
        made.append(last[0][0])
    for k in range(1, len(n.outputs)):
        values = [states[k - 1] for states in last]
        made.append(stack(out, values, (directions, batch, hidden), batch_first, (1, 0, 2)))
    return tuple(made)


def stack(
    out: Builder, values: list[Value], shape: tuple[int, ...], batch_first: bool, perm: Any
) -> Value:
    """Return the (batch, hidden) values one after the other, in `shape`; batch first if asked."""
    joined = values[0] if len(values) == 1 else out.node("Concat", values, axis=0)
    y = reshape(out, joined, shape)
    return out.Transpose(y, perm=list(perm)) if batch_first else y


RECURRENT = (maybe("b"), maybe("lengths"), maybe("h0"))


@rewrite(op["RNN", "GRU"]("x", "w", "r", *RECURRENT).named("n"), stage="decompose")
def unroll_gru(
    out: Builder,
    x: Value,
    w: Value,
    r: Value,
    b: Value | None,
    lengths: Value | None,
    h0: Value | None,
    n: Node,
) -> tuple[Value, ...]:
    """RNN, GRU  ->  their equations, step by step."""
    return recurrent(out, n, x=x, w=w, r=r, b=b, lengths=lengths, h0=h0)


@rewrite(op.LSTM("x", "w", "r", *RECURRENT, maybe("c0"), maybe("p")).named("n"), stage="decompose")
def unroll_lstm(
    out: Builder,
    x: Value,
    w: Value,
    r: Value,
    b: Value | None,
    lengths: Value | None,
    h0: Value | None,
    c0: Value | None,
    p: Value | None,
    n: Node,
) -> tuple[Value, ...]:
    """LSTM  ->  its equations, step by step."""
    return recurrent(out, n, x=x, w=w, r=r, b=b, lengths=lengths, h0=h0, c0=c0, p=p)
