"""Lookup tables: the levels of least squared error for the values they stand for."""

from __future__ import annotations

import numpy as np

from .grids import Array, require_finite
from .rounding import gptq, to_tables

MOST = 1024
"""Numbers that a table is fitted to; more are joined with their neighbours first."""


def k_means(values: Array, levels: int, importance: Array | None = None) -> Array:
    """Return the `levels` centres of least weighted squared error: exact, not a local optimum.

    Sorted values fall into intervals, so a dynamic program over their ends finds the optimum; the
    best last start never moves back as the end grows, which makes it levels * n * log n steps.

    Args:
        values: (n,) finite.
        importance: (n,) weights > 0 of the squared errors (Fisher information, say); 1 by default.
    Returns:
        (levels,) float32, ascending; with fewer distinct values the last one repeats.
    Raises:
        ValueError: if levels < 1, or values are none or not finite.
    Source: Wang & Song, "Ckmeans.1d.dp", The R Journal 3/2, 2011; divide and conquer over
        monotone minima.
    """
    if levels < 1 or not values.size:
        raise ValueError("k_means needs at least one level and one value")
    require_finite(values, "values")
    weights = np.ones(values.size) if importance is None else importance.reshape(-1)
    x, owner = np.unique(values.reshape(-1), return_inverse=True)
    w = np.bincount(owner.reshape(-1), weights.astype(np.float64))
    cost = _Cost(x.astype(np.float64), w)
    ends = np.arange(1, len(x) + 1)
    best, starts = cost(np.zeros_like(ends), ends), [np.zeros_like(ends)]
    for _ in range(min(levels, len(x)) - 1):
        best, chosen = _extend(cost, np.concatenate([[0.0], best]))
        starts.append(chosen)
    centres = _centres(cost, starts)
    return np.pad(centres, (0, levels - len(centres)), mode="edge").astype(np.float32)


class _Cost:
    """The weighted squared deviation within x[start:end], by prefix sums."""

    def __init__(self, x: Array, w: Array) -> None:
        self.shift = float(np.average(x, weights=w))
        x = x - self.shift  # else the difference of large squares loses digits
        self.w, self.wx, self.wxx = (
            np.concatenate([[0.0], np.cumsum(part)]) for part in (w, w * x, w * x * x)
        )

    def __call__(self, start: Array, end: Array) -> Array:
        w = self.w[end] - self.w[start]
        wx, wxx = self.wx[end] - self.wx[start], self.wxx[end] - self.wxx[start]
        safe = np.where(w > 0, w, 1)
        return np.asarray(np.where(w > 0, wxx - wx * wx / safe, 0.0))

    def mean(self, start: int, end: int) -> float:
        return float((self.wx[end] - self.wx[start]) / (self.w[end] - self.w[start])) + self.shift


def _extend(cost: _Cost, before: Array) -> tuple[Array, Array]:
    """Return, for every end 1..n, the best cost with one interval more, and where it starts.

    `before[e]` is the best cost of x[:e]. Ends are taken middle first, level by level, so that each
    searches between the starts of its two neighbours only.
    """
    n = len(before) - 1
    best, chosen = np.empty(n + 1), np.zeros(n + 2, np.int64)
    chosen[n + 1] = n - 1
    step = 1 << n.bit_length()
    while step > 1:
        half = step // 2
        ends = np.arange(half, n + 1, step)
        low = chosen[ends - half]
        high = np.minimum(chosen[np.minimum(ends + half, n + 1)], ends - 1)
        best[ends], chosen[ends] = _minima(cost, before, ends, low, high)
        step = half
    return best[1:], chosen[1 : n + 1]


def _minima(
    cost: _Cost, before: Array, ends: Array, low: Array, high: Array
) -> tuple[Array, Array]:
    """Return the least of before[s] + cost(s, end) over low <= s <= high, and its s, per end."""
    lengths = high - low + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    starts = np.arange(lengths.sum()) - np.repeat(offsets - low, lengths)
    totals = before[starts] + cost(starts, np.repeat(ends, lengths))
    least = np.minimum.reduceat(totals, offsets)
    at = np.where(totals == np.repeat(least, lengths), np.arange(len(totals)), len(totals))
    return least, starts[np.minimum.reduceat(at, offsets)]


def _centres(cost: _Cost, starts: list[Array]) -> Array:
    """Return the means of the intervals, walking back from the last end."""
    end, means = len(starts[0]), []
    for chosen in reversed(starts):
        if not end:  # rounding made a tie of fewer intervals
            break
        start = int(chosen[end - 1])
        means.append(cost.mean(start, end))
        end = start
    return np.array(means[::-1])


def tabulate(
    rows: Array, levels: int, group: int, hessian: Array | None = None
) -> tuple[Array, Array]:
    """Return uint8 codes (O, K) and tables (O / group, levels): a table for `group` rows each.

    Without a Hessian a number gets the nearest level; with it, levels are fitted to the inputs'
    power and errors are fed into later columns (GPTQ).

    Args:
        rows: (O, K) finite; group divides O.
        levels: 2 to 256.
        hessian: (K, K), the sum of x xᵀ over inputs x, or (G, K, K), as `gptq` takes it.
    """
    parts = rows.reshape(len(rows) // group, -1)
    weights = None
    if hessian is not None:
        power = np.einsum("...ii->...i", hessian).astype(np.float64)
        power = np.maximum(power, 1e-6 * power.max(initial=1e-30)).reshape(-1, rows.shape[1])
        weights = np.repeat(power, len(rows) // len(power), axis=0).reshape(parts.shape)
    fitted = []
    for i, part in enumerate(parts):
        values, importance = thinned(part, None if weights is None else weights[i])
        fitted.append(k_means(values, levels, importance))
    tables = np.stack(fitted)
    snap = to_tables(tables, group)
    if hessian is not None:
        return gptq(rows, hessian, snap).view(np.uint8), tables
    anywhere = np.zeros(len(rows), np.int64)
    codes = [snap(column, anywhere)[0] for column in rows.T]
    return np.stack(codes, axis=1).astype(np.uint8), tables


def sharing(rows: int, wanted: int) -> int:
    """Return how many of so many rows share a table: the divisor that is nearest as a factor.

    Of two as near it is the larger one, whose tables are smaller. 0 wants one table for all.
    """
    divisors = [d for d in range(rows, 0, -1) if rows % d == 0]
    return min(divisors, key=lambda d: max(d / wanted, wanted / d)) if wanted else rows


def thinned(values: Array, weights: Array | None) -> tuple[Array, Array]:
    """Return at most MOST numbers that stand for all, and their weights: means of neighbours."""
    power = np.ones(values.size) if weights is None else weights
    if values.size <= MOST:
        return values, power
    order = np.argsort(values)
    starts = np.linspace(0, values.size, MOST, endpoint=False).astype(int)
    total = np.add.reduceat(power[order], starts)
    return np.add.reduceat((values * power)[order], starts) / total, total
