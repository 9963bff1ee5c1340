"""Minimum cut of a network, by shortest augmenting paths in levels.

Dinic, "Algorithm for solution of a problem of maximum flow in networks with power estimation",
Soviet Mathematics Doklady 11, 1970. Written out because the networks of a layout are small and
many, and importing a graph library costs more than cutting them all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from itertools import pairwise

Arc = tuple[Hashable, Hashable]


def minimum_cut(
    capacities: Mapping[Arc, float], source: Hashable, sink: Hashable
) -> tuple[float, set[Hashable]]:
    """Return the capacity of a minimum cut and its source side, as large as possible.

    Args:
        capacities: >= 0 by (tail, head); infinity where cutting is forbidden. Some cut is finite.
    """
    flow = _Flow(capacities, source, sink)
    del capacities  # they take as much memory as what was made of them
    total = 0.0
    while flow.level():
        while pushed := flow.augment():
            total += pushed
    return total, set(flow.residual) - flow.reaching_sink()


class _Flow:
    """What every arc can still take; `residual[tail][head]`, with every arc's reverse."""

    def __init__(self, capacities: Mapping[Arc, float], source: Hashable, sink: Hashable) -> None:
        self.source, self.sink = source, sink
        self.residual: dict[Hashable, dict[Hashable, float]] = {source: {}, sink: {}}
        for (tail, head), capacity in capacities.items():
            out = self.residual.setdefault(tail, {})
            out[head] = out.get(head, 0) + capacity
            self.residual.setdefault(head, {}).setdefault(tail, 0)
        self.levels: dict[Hashable, int] = {}
        self.untried: dict[Hashable, list[Hashable]] = {}

    def level(self) -> bool:
        """Number the vertices by their distance from the source; False when the sink has none."""
        self.levels, queue = {self.source: 0}, deque([self.source])
        while queue and self.sink not in self.levels:
            tail = queue.popleft()
            for head, left in self.residual[tail].items():
                if left > 0 and head not in self.levels:
                    self.levels[head] = self.levels[tail] + 1
                    queue.append(head)
        self.untried = {vertex: list(self.residual[vertex]) for vertex in self.levels}
        return self.sink in self.levels

    def augment(self) -> float:
        """Push what one path of rising levels can take; 0 when there is none left.

        A vertex from which no path goes on is never tried again in these levels.
        """
        path = [self.source]
        while path and path[-1] != self.sink:
            tail = path[-1]
            if self.untried[tail]:
                head = self.untried[tail][-1]
                if self.residual[tail][head] > 0 and (
                    self.levels.get(head) == self.levels[tail] + 1
                ):
                    path.append(head)
                else:
                    self.untried[tail].pop()
            else:
                path.pop()
                if path:
                    self.untried[path[-1]].pop()
        steps = list(pairwise(path))
        amount = min((self.residual[tail][head] for tail, head in steps), default=0.0)
        for tail, head in steps:
            self.residual[tail][head] -= amount
            self.residual[head][tail] += amount
        return amount

    def reaching_sink(self) -> set[Hashable]:
        """Return the vertices from which more could still reach the sink, itself included."""
        found, queue = {self.sink}, deque([self.sink])
        while queue:
            head = queue.popleft()
            for tail in self.residual[head]:
                if tail not in found and self.residual[tail][head] > 0:
                    found.add(tail)
                    queue.append(tail)
        return found
