"""Mixed precision as the knapsack problem that it is: one choice a layer, under a byte budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .grids import Array


@dataclass(frozen=True)
class Choice:
    """One way to store a layer: what it costs, and how much it errs."""

    bytes: int
    error: float


def allocate(layers: Sequence[Sequence[Choice]], budget: int) -> list[int]:
    """Return the index of one choice a layer, of least total error within `budget` bytes: exact.

    Partial sums that others dominate, or whose Lagrangian bound is worse than a solution in hand,
    are dropped; what is left is enumerated.

    Raises:
        ValueError: if a layer has no choice, an error is negative, or even the smallest choices
            exceed the budget; the message says the least budget.
    Source: multiple-choice knapsack, Kellerer, Pferschy, Pisinger, "Knapsack Problems", ch. 11.
    """
    if any(not layer or any(c.error < 0 for c in layer) for layer in layers):
        raise ValueError("every layer needs a choice, and errors are not negative")
    least = sum(min(c.bytes for c in layer) for layer in layers)
    if least > budget:
        raise ValueError(f"the budget is {budget} bytes, the smallest choices take {least}")
    price, known = _best_price(layers, budget)
    return _enumerate(layers, budget, price, known)


def _best_price(layers: Sequence[Sequence[Choice]], budget: int) -> tuple[float, float]:
    """Return a price per byte at the edge of feasibility, and the error of its solution."""
    low, high = 0.0, 1e-12
    while _priced(layers, high)[0] > budget:
        low, high = high, high * 4
    if _priced(layers, 0.0)[0] <= budget:
        return 0.0, _priced(layers, 0.0)[1]
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _priced(layers, middle)[0] <= budget else (middle, high)
    return high, _priced(layers, high)[1]


def _priced(layers: Sequence[Sequence[Choice]], price: float) -> tuple[int, float]:
    """Return bytes and error of the choices of least error + price * bytes."""
    chosen = [min(layer, key=lambda c: (c.error + price * c.bytes, c.bytes)) for layer in layers]
    return sum(c.bytes for c in chosen), sum(c.error for c in chosen)


def _enumerate(
    layers: Sequence[Sequence[Choice]], budget: int, price: float, known: float
) -> list[int]:
    """Return the optimum, walking all partial sums that may still reach it."""
    rest_bytes = _rest([min(c.bytes for c in layer) for layer in layers])
    rest_bound = _rest([min(c.error + price * c.bytes for c in layer) for layer in layers])
    allowed = known * (1 + 1e-9) + 1e-300
    sizes, errors = np.zeros(1, np.int64), np.zeros(1)
    steps: list[tuple[Array, Array]] = []
    for index, layer in enumerate(layers):
        count = len(layer)
        size = (sizes[:, None] + np.array([c.bytes for c in layer])).reshape(-1)
        error = (errors[:, None] + np.array([c.error for c in layer])).reshape(-1)
        bound = error + price * (size - budget) + rest_bound[index + 1]
        kept = np.flatnonzero((size + rest_bytes[index + 1] <= budget) & (bound <= allowed))
        kept = kept[_undominated(size[kept], error[kept])]
        steps.append((kept // count, kept % count))
        sizes, errors = size[kept], error[kept]
    return _trace(steps, int(np.argmin(errors)))


def _rest(values: Sequence[float]) -> Array:
    """Return the sums of values[i:] for i = 0..len."""
    return np.concatenate([np.cumsum(np.asarray(values)[::-1])[::-1], [0]])


def _undominated(size: Array, error: Array) -> Array:
    """Return the indices of the sums that no other one beats in both."""
    order = np.lexsort((error, size))
    lowest = np.minimum.accumulate(np.concatenate([[np.inf], error[order][:-1]]))
    return np.asarray(order[error[order] < lowest])


def _trace(steps: list[tuple[Array, Array]], last: int) -> list[int]:
    """Return the choices that led to the sum `last` of the last step."""
    chosen = []
    for parents, choices in reversed(steps):
        chosen.append(int(choices[last]))
        last = int(parents[last])
    return chosen[::-1]
