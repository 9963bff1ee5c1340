"""From when to when memory is in use, and how much of it at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from mmc.schedule.graph import Graph
from mmc.schedule.storage import Storage


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Bytes in use from step `first` to step `last`, both included; a step runs one operator."""

    tensor: int
    size: int
    first: int
    last: int


def lifetimes(graph: Graph, storage: Storage, order: Sequence[int]) -> list[Lifetime]:
    """Return a lifetime for each tensor that owns memory, in order of allocation.

    Inputs live from step 0, outputs to the last step; a result that nobody reads lives for the
    step that makes it. Operators in `order` are indices into `graph.ops`.
    """
    end = max(len(order) - 1, 0)
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.inputs, end)
    for step, position in enumerate(order):
        op = graph.ops[position]
        for tensor in op.outputs:
            owner = storage.of(tensor)
            first.setdefault(owner, step)
            last[owner] = max(step, last.get(owner, 0))
        for tensor in op.inputs:
            owner = storage.of(tensor)
            if owner in first:
                last[owner] = max(step, last[owner])
    for tensor in graph.outputs:
        if storage.of(tensor) in first:
            last[storage.of(tensor)] = end
    return [Lifetime(t, graph.sizes[t], start, last[t]) for t, start in first.items()]


def live_bytes(found: Sequence[Lifetime], steps: int) -> list[int]:
    """Return the bytes in use during each step."""
    change = [0] * (steps + 1)
    for lifetime in found:
        change[lifetime.first] += lifetime.size
        change[lifetime.last + 1] -= lifetime.size
    return list(accumulate(change))[:-1]


def peak(found: Sequence[Lifetime], steps: int) -> int:
    """Return the most bytes that are in use at once."""
    return max(live_bytes(found, max(steps, 1)), default=0)
