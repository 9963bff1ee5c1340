"""The cells of LSTM, GRU and RNN: one step of one direction, as ONNX defines it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmc.ir import Node, Value, attrs, constant, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch

from .parts import number, reshape

DEFAULTS = {
    "RNN": ("Tanh",),
    "GRU": ("Sigmoid", "Tanh"),
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
}
WITH_PARAMETERS = {
    "Affine": (1.0, 0.0),
    "LeakyRelu": (0.01, 0.0),
    "ThresholdedRelu": (1.0, 0.0),
    "ScaledTanh": (1.0, 1.0),
    "HardSigmoid": (0.2, 0.5),
    "Elu": (1.0, 0.0),
}
Function = Callable[[Value], Value]
Step = Callable[[list[Value], list[Value]], list[Value]]


@dataclass
class Cell:
    """One direction of a recurrent node: its weights, and how its steps are written."""

    out: Builder
    node: Node
    direction: int
    given: dict[str, Any]
    functions: list[Function]
    parts: dict[str, Value | None]

    @property
    def hidden(self) -> int:
        """The size of the state."""
        return int(shape_of(self.node.inputs[2])[2])

    def part(self, name: str) -> Any:
        """Return this direction's slice (without its axis) of an input, or None."""
        value = self.parts.get(name)
        if value is None:
            return None
        data = constant(value)
        if data is not None:
            return data[self.direction]
        piece = self.out.Slice(value, [self.direction], [self.direction + 1], [0])
        return reshape(self.out, piece, shape_of(value)[1:])

    def clipped(self, x: Value) -> Value:
        """Limit what goes into an activation to [-clip, clip]."""
        limit = self.given.get("clip")
        if not limit:
            return x
        like = self.node.inputs[0]
        assert like is not None
        made: Value = self.out.Clip(x, number(like, -limit), number(like, limit))
        return made

    def activate(self, index: int, x: Value) -> Value:
        """Apply activation number `index`, to the clipped value."""
        return self.functions[index](self.clipped(x))


def functions_of(out: Builder, n: Node, direction: int) -> list[Function]:
    """Return the activation functions of one direction."""
    given = attrs(n)
    names = list(given.get("activations") or ()) or list(DEFAULTS[n.op_type]) * 2
    alphas = list(given.get("activation_alpha") or ())
    betas = list(given.get("activation_beta") or ())
    made = []
    for name in names:
        a, b = WITH_PARAMETERS.get(name, (0.0, 0.0))
        if name in WITH_PARAMETERS and alphas:
            a = alphas.pop(0)
        if name in ("Affine", "ScaledTanh", "HardSigmoid") and betas:
            b = betas.pop(0)
        made.append(function(out, n, name, a, b))
    count = len(DEFAULTS[n.op_type])
    return made[direction * count : (direction + 1) * count]


def function(out: Builder, n: Node, name: str, a: float, b: float) -> Function:
    """Return an activation function of the standard's list by its name."""
    x = n.inputs[0]
    assert x is not None
    if name in ("Sigmoid", "Tanh", "Relu", "Softsign", "Softplus"):
        return lambda v: out.node(name, [v])
    if name in ("LeakyRelu", "ThresholdedRelu", "Elu"):
        return lambda v: out.node(name, [v], alpha=a)
    if name == "HardSigmoid":
        return lambda v: out.HardSigmoid(v, alpha=a, beta=b)
    if name == "Affine":
        return lambda v: out.Add(out.Mul(v, number(x, a)), number(x, b))
    if name == "ScaledTanh":
        return lambda v: out.Mul(out.Tanh(out.Mul(v, number(x, b))), number(x, a))
    raise NoMatch(f"activation {name} is not one of the standard's")


def resets_after(cell: Cell) -> bool:
    """Say whether a GRU applies its reset gate after the product with R."""
    return cell.node.op_type == "GRU" and bool(cell.given.get("linear_before_reset"))


def transposed(out: Builder, w: Any) -> Any:
    """Return wᵀ."""
    if isinstance(w, np.ndarray):
        return np.ascontiguousarray(w.T)
    return out.Transpose(w, perm=[1, 0])


def split(cell: Cell, x: Value, count: int) -> tuple[Value, ...]:
    """Split (batch, count * hidden) into its gates."""
    made = cell.out.node("Split", [x], outputs=count, axis=1, num_outputs=count)
    return made if isinstance(made, tuple) else (made,)


def rnn_step(cell: Cell) -> Step:
    """h = f(x Wᵀ + h Rᵀ + b)."""
    out, r = cell.out, transposed(cell.out, cell.part("r"))

    def step(x: list[Value], states: list[Value]) -> list[Value]:
        return [cell.activate(0, out.Add(x[0], out.MatMul(states[0], r)))]

    return step


def gru_step(cell: Cell) -> Step:
    """z, r = f(…);  n = g(x Wnᵀ + (r * h) Rnᵀ), or g(x Wnᵀ + r * (h Rnᵀ + b));  h = (1-z) n + z h.

    With n + z (h - n) for the last, as it is one operator less.
    """
    out, hidden = cell.out, cell.hidden
    r = transposed(out, cell.part("r"))
    b = cell.part("b")
    late = resets_after(cell)
    bias = None if b is None else tail(out, b, 5 * hidden, 6 * hidden)
    gates, candidate = columns(out, r, 0, 2 * hidden), columns(out, r, 2 * hidden, 3 * hidden)

    def step(x: list[Value], states: list[Value]) -> list[Value]:
        (x_zr, x_n), h = x, states[0]
        z, reset = split(cell, cell.activate(0, out.Add(x_zr, out.MatMul(h, gates))), 2)
        product = out.MatMul(h if late else out.Mul(reset, h), candidate)
        if late:
            product = out.Mul(reset, product if bias is None else out.Add(product, bias))
        n = cell.activate(1, out.Add(x_n, product))
        return [out.Add(n, out.Mul(z, out.Sub(h, n)))]

    return step


def columns(out: Builder, w: Any, start: int, end: int) -> Any:
    """Return some columns of a matrix."""
    if isinstance(w, np.ndarray):
        return np.ascontiguousarray(w[:, start:end])
    return out.Slice(w, [start], [end], [1])


def tail(out: Builder, b: Any, start: int, end: int) -> Any:
    """Return some entries of a vector."""
    return b[start:end] if isinstance(b, np.ndarray) else out.Slice(b, [start], [end], [0])


def lstm_step(cell: Cell) -> Step:
    """i, o, f = σ(x Wᵀ + h Rᵀ + p * c);  c = f * c + i * g(…);  h = o * g(c).

    Coupled gates (input_forget): f = 1 - i.
    """
    out, hidden = cell.out, cell.hidden
    r, p = transposed(out, cell.part("r")), cell.part("p")
    peepholes = (
        None if p is None else [tail(out, p, k * hidden, (k + 1) * hidden) for k in range(3)]
    )

    def step(x: list[Value], states: list[Value]) -> list[Value]:
        h, c = states
        total = out.Add(x[0], out.MatMul(h, r))
        i, o, f, g = lstm_gates(cell, total, c, peepholes)
        if cell.given.get("input_forget"):
            f = out.Sub(np.ones((), dtype_of(cell.node.inputs[0])), i)
        c = out.Add(out.Mul(f, c), out.Mul(i, g))
        if peepholes is not None:
            o = cell.activate(0, out.Add(o, out.Mul(c, peepholes[1])))
        # ONNX Runtime and the standard clip what goes into every activation, h included.
        return [out.Mul(o, cell.functions[2](c)), c]

    return step


def lstm_gates(
    cell: Cell, total: Value, c: Value, peepholes: list[Any] | None
) -> tuple[Value, Value, Value, Value]:
    """Return the gates i, o, f and the candidate; o is raw with peepholes: it sees the new c."""
    out, hidden = cell.out, cell.hidden
    if peepholes is not None:
        i, o, f, g = split(cell, total, 4)
        i = cell.activate(0, out.Add(i, out.Mul(c, peepholes[0])))
        f = cell.activate(0, out.Add(f, out.Mul(c, peepholes[2])))
        return i, o, f, cell.activate(1, g)
    gates = cell.activate(0, out.Slice(total, [0], [3 * hidden], [1]))
    i, o, f = split(cell, gates, 3)
    return i, o, f, cell.activate(1, out.Slice(total, [3 * hidden], [4 * hidden], [1]))
