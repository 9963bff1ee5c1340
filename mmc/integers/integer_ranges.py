"""What the readers of a value leave of its range."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmc.integers.integer_ops import SAME
from mmc.integers.layers import base_of
from mmc.ir import Node, Value, attrs, constant
from mmc.quant.statistics import Histogram

NEGLIGIBLE = 12.0
"""exp(-12) is less than any code of a softmax is worth."""


def lowest(value: Value, seen: Mapping[str, Histogram]) -> float:
    """Return the value below which all is as good as -inf: that is so in front of a softmax.

    Masks put -10000 there, and a range that holds it has no codes left for the scores.
    """
    users = [use.node for use in value.uses()]
    if not users or value.is_graph_output():
        return -np.inf
    return min(_lowest_read(value, node, seen) for node in users)


def bounded_below(low: float, value: Value, seen: Mapping[str, Histogram]) -> float:
    """Return the low end of a range without what is as good as -inf; all of it where -inf is."""
    least, found = lowest(value, seen), seen.get(value.name or "")
    endless = found is not None and found.endless and least > -np.inf
    return least if endless else max(low, least)


def _lowest_read(value: Value, node: Node, seen: Mapping[str, Histogram]) -> float:
    """Return the same for one reader."""
    op, rank = base_of(node)[1], len(value.shape or ())
    found = seen.get(value.name or "")
    if op == "Softmax" and attrs(node)["axis"] % rank == rank - 1 and found is not None:
        return found.least_top - NEGLIGIBLE if found.least_top < np.inf else -np.inf
    if op in SAME:
        return lowest(node.outputs[0], seen)
    if op == "Add":
        (other, *_) = [v for v in node.inputs if v is not value] or [value]
        return lowest(node.outputs[0], seen) - most_of(other, seen)
    return -np.inf


def most_of(value: Value | None, seen: Mapping[str, Histogram]) -> float:
    """Return the largest value of a constant, or of what was seen."""
    array = constant(value)
    if array is not None:
        return float(array.max())
    found = None if value is None else seen.get(value.name or "")
    return np.inf if found is None else found.most
