"""What the readers of a value leave of its range."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmc.integers.integer_ops import MOVES
from mmc.integers.layers import base_of
from mmc.ir import Node, Value, attrs, constant, operand
from mmc.quant.statistics import Histogram

NEGLIGIBLE = 12.0
"""exp(-12) is less than any code of a softmax is worth."""
ALL = -np.inf, np.inf

Range = tuple[float, float]


class Needed:
    """The ends beyond which a value may as well be at the end, for all who read it.

    Codes saturate there: in front of an activation that is cut off anyway, and of a softmax, where
    masks put -10000, and a range that holds it has no codes left for the scores.

    Args:
        seen: what was seen of values, by name.
    """

    def __init__(self, seen: Mapping[str, Histogram]) -> None:
        self.seen = seen
        self.known: dict[Value, Range] = {}

    def of(self, value: Value) -> Range:
        """Return both ends. Of a long chain of values the last is to be asked for first."""
        if value not in self.known:
            users = [use.node for use in value.uses()]
            read = [] if value.is_graph_output() else [self._read(value, n) for n in users]
            lows, highs = zip(*(read or [ALL]), strict=True)
            self.known[value] = min(lows), max(highs)
        return self.known[value]

    def within(self, ends: Range, value: Value) -> Range:
        """Return what is needed of a range; where -inf was seen, its low end is what is needed."""
        low, high = self.of(value)
        found = self.seen.get(value.name or "")
        endless = found is not None and found.endless and low > -np.inf
        least, most = min(max(ends[0], low), high), max(min(ends[1], high), low)
        return low if endless else least, most

    def _read(self, value: Value, node: Node) -> Range:
        """Return both ends for one reader."""
        op, rank = base_of(node)[1], len(value.shape or ())
        found = self.seen.get(value.name or "")
        if op == "Softmax" and attrs(node)["axis"] % rank == rank - 1 and found is not None:
            return found.least_top - NEGLIGIBLE if found.least_top < np.inf else -np.inf, np.inf
        if op in MOVES:
            made = [self.of(v) for v in node.outputs]
            return min(low for low, _ in made), max(high for _, high in made)
        if op == "Add":
            (other, *_) = [v for v in node.inputs if v is not value] or [value]
            return self.of(node.outputs[0])[0] - self.most_of(other), np.inf
        return cut_off(node) or ALL

    def most_of(self, value: Value | None) -> float:
        """Return the largest value of a constant, or of what was seen."""
        array = constant(value)
        if array is not None:
            return float(array.max())
        found = None if value is None else self.seen.get(value.name or "")
        return np.inf if found is None else found.most


def cut_off(node: Node) -> Range | None:
    """Return the ends that an activation cuts its input off at; None of other operators."""
    op = base_of(node)[1]
    if op == "Relu":
        return 0.0, np.inf
    if op != "Clip":
        return None
    given = [constant(operand(node, place)) for place in (1, 2)]
    if any(operand(node, i + 1) is not None and given[i] is None for i in (0, 1)):
        return None
    low, high = (end if a is None else a.item() for a, end in zip(given, ALL, strict=True))
    return (low, high) if low <= high else None
