"""Gelu recognised in its formulas: x Φ(x), where Φ is written with erf, tanh or a sigmoid.

What stands inside is compared as a polynomial, so that it may be written in any order.
"""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, constant, dtype_of
from mmc.pattern import Builder, NoMatch, const, either, op, rewrite
from mmc.polynomials import is_polynomial

SLOPE, CUBIC = (2 / np.pi) ** 0.5, 0.044715
INSIDE: dict[str, tuple[float, ...]] = {
    "Erf": (0, 2**-0.5),
    "Tanh": (0, SLOPE, 0, SLOPE * CUBIC),
    "Sigmoid": (0, 2 * SLOPE, 0, 2 * SLOPE * CUBIC),
}
"""What the function is taken of: a polynomial of x."""

ODD = op["Erf", "Tanh"]("inside").named("function")
GATE = either(op.Add(ODD, 1).named("gate"), op.Sub(1, ODD).named("gate"))


@rewrite(op.Mul("y", GATE), stage="recognize")
def gelu(out: Builder, y: Value, inside: Value, function: Node, gate: Node) -> Value:
    """c x (1 + erf(x / √2))  ->  2 c gelu(x);  1 - erf(-x / √2), and tanh, alike."""
    return scaled(out, y, inside, function, 2.0, gate)


@rewrite(op.Mul("y", op.Mul(GATE, const("c"))), stage="recognize")
def gelu_of_scaled_gate(
    out: Builder, y: Value, inside: Value, function: Node, gate: Node, c: Array
) -> Value:
    """x (c (1 + erf(x / √2)))  ->  2 c gelu(x)."""
    return scaled(out, y, inside, function, 2 * number(c), gate)


@rewrite(op.Mul("y", op.Add(op.Mul(ODD, const("c")), const("d"))), stage="recognize")
def gelu_of_shifted_gate(
    out: Builder, y: Value, inside: Value, function: Node, c: Array, d: Array
) -> Value:
    """x (c erf(x / √2) + c)  ->  2 c gelu(x)."""
    if number(c) != number(d):
        raise NoMatch("the function is not scaled as it is shifted")
    return scaled(out, y, inside, function, 2 * number(c))


@rewrite(op.Add(op.Mul("y", ODD), "y"), stage="recognize")
def gelu_of_sum(out: Builder, y: Value, inside: Value, function: Node) -> Value:
    """c x erf(x / √2) + c x  ->  2 c gelu(x)."""
    return scaled(out, y, inside, function, 2.0)


@rewrite(op.Mul("y", op.Sigmoid("inside").named("function")), stage="recognize")
def gelu_of_sigmoid(out: Builder, y: Value, inside: Value, function: Node) -> Value:
    """c x sigmoid(2 √(2/π) (x + 0.044715 x³))  ->  c gelu(x, tanh)."""
    return scaled(out, y, inside, function, 1.0)


def number(c: Array) -> float:
    """Return the one number of a constant."""
    if c.size != 1:
        raise NoMatch("the scale is not one number")
    return float(c.item())


def scaled(
    out: Builder, y: Value, inside: Value, function: Node, factor: float, gate: Node | None = None
) -> Value:
    """Record factor c gelu(x), for y = c x."""
    sign = -1 if gate is not None and gate.op_type == "Sub" else 1
    wanted = [sign * c for c in INSIDE[function.op_type]]
    fitting = [(x, c) for x, c in scaled_values(y) if is_polynomial(inside, x, *wanted)]
    if not fitting:
        raise NoMatch(f"{function.op_type} is of {inside.name!r}, not of x in the form of Gelu")
    x, c = fitting[0]
    made: Value = out.Gelu(x, approximate=None if function.op_type == "Erf" else "tanh")
    total = factor * c
    if abs(total - 1) < 1e-6:
        return made
    return out.Mul(made, np.array(total, dtype_of(x)))


def scaled_values(y: Value) -> list[tuple[Value, float]]:
    """Return the x and c with y = c x: y itself, and what a constant multiplies."""
    found = [(y, 1.0)]
    made = y.producer()
    if made is not None and made.op_type == "Mul":
        x, c = made.inputs
        known = constant(c) if c is not None else None
        if x is not None and known is not None and known.size == 1:
            found.append((x, float(known.item())))
    return found
