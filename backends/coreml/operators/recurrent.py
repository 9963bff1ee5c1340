"""Recurrent layers over (sequence, batch, input)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mil import Array
from ..operator import Operator, UnsupportedError, operator
from .activations import logistic

ACTIVATIONS: dict[str, Operator] = {
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": logistic,
    "tanh": np.tanh,
}


def chosen(name: str) -> Operator:
    """Return an activation."""
    if name not in ACTIVATIONS:
        raise UnsupportedError(f"activation {name!r}")
    return ACTIVATIONS[name]


def in_order(x: Array, direction: str) -> Array:
    """Return the sequence from the end if the direction is reverse."""
    if direction not in ("forward", "reverse"):
        raise UnsupportedError(f"direction {direction!r}")
    return x[::-1] if direction == "reverse" else x


def results(states: list[Array], direction: str, output_sequence: Any) -> tuple[Array, Array]:
    """Return all hidden states in the order of time, or the last one, and the last one."""
    if not bool(output_sequence):
        return states[-1][None], states[-1]
    return in_order(np.stack(states), direction), states[-1]


@operator("rnn")
def rnn(
    x: Array,
    initial_h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Any = 0,
    direction: str = "forward",
    output_sequence: Any = False,
    activation: str = "tanh",
) -> tuple[Array, Array]:
    """h = activation(W x + R h + b)."""
    h, states = initial_h, []
    for step in in_order(x, direction):
        h = chosen(activation)(step @ weight_ih.T + h @ weight_hh.T + bias)
        states.append(h)
    return results(states, direction, output_sequence)


@operator("gru")
def gru(
    x: Array,
    initial_h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Any = None,
    direction: str = "forward",
    output_sequence: Any = False,
    recurrent_activation: str = "sigmoid",
    activation: str = "tanh",
    reset_after: Any = False,
    input_bias: Any = None,
) -> tuple[Array, Array]:
    """h = (1 - z) o + z h, gates in the order reset, output, update.

    o = activation(Wo x + bo + Ro (r h)); with reset_after (iOS 18): the reset gate multiplies
    Ro h + bo, and only the input bias is outside.
    """
    size = initial_h.shape[-1]
    gate, inner = chosen(recurrent_activation), chosen(activation)
    own = np.zeros(3 * size, np.float32) if bias is None else bias
    given = np.zeros(3 * size, np.float32) if input_bias is None else input_bias
    h, states = initial_h, []
    rr, ro, rz = np.split(weight_hh, 3)
    br, bo, bz = np.split(own, 3)
    for step in in_order(x, direction):
        xr, xo, xz = np.split(step @ weight_ih.T + given, 3, axis=-1)
        r, z = gate(xr + h @ rr.T + br), gate(xz + h @ rz.T + bz)
        inside = r * (h @ ro.T + bo) if bool(reset_after) else (r * h) @ ro.T + bo
        o = inner(xo + inside)
        h = (1 - z) * o + z * h
        states.append(h)
    return results(states, direction, output_sequence)


@operator("lstm")
def lstm(
    x: Array,
    initial_h: Array,
    initial_c: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Any = None,
    peephole: Any = None,
    weight_ih_back: Array | None = None,
    weight_hh_back: Array | None = None,
    bias_back: Any = None,
    peephole_back: Any = None,
    direction: str = "forward",
    output_sequence: Any = False,
    recurrent_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    activation: str = "tanh",
    clip: Any = None,
) -> tuple[Array, Array, Array]:
    """c = f c + i z, h = o activation(c); gates in the order input, forget, output, cell."""
    functions = chosen(recurrent_activation), chosen(cell_activation), chosen(activation)
    if direction != "bidirectional":
        weights = weight_ih, weight_hh, bias, peephole
        return one_way(
            x, initial_h, initial_c, weights, direction, output_sequence, functions, clip
        )
    size = weight_hh.shape[1]
    ways = (
        ("forward", slice(0, size), (weight_ih, weight_hh, bias, peephole)),
        ("reverse", slice(size, None), (weight_ih_back, weight_hh_back, bias_back, peephole_back)),
    )
    found = [
        one_way(x, initial_h[:, s], initial_c[:, s], w, d, output_sequence, functions, clip)
        for d, s, w in ways
    ]
    y, h, c = (np.concatenate(pair, axis=-1) for pair in zip(*found, strict=True))
    return y, h, c


def one_way(
    x: Array,
    h: Array,
    c: Array,
    weights: tuple[Any, ...],
    direction: str,
    output_sequence: Any,
    functions: tuple[Operator, ...],
    clip: Any,
) -> tuple[Array, Array, Array]:
    """Return hidden states, the last one and the last cell state of one direction."""
    weight_ih, weight_hh, bias, peephole = weights
    gate, inner, outer = functions
    pi, pf, po = (0, 0, 0) if peephole is None else np.split(peephole, 3)
    states = []
    for step in in_order(x, direction):
        total = step @ weight_ih.T + h @ weight_hh.T + (0 if bias is None else bias)
        i, f, o, z = np.split(total, 4, axis=-1)
        c = gate(f + pf * c) * c + gate(i + pi * c) * inner(z)
        if clip is not None:
            c = np.clip(c, -clip, clip)
        h = gate(o + po * c) * outer(c)
        states.append(h)
    y, last = results(states, direction, output_sequence)
    return y, last, c
