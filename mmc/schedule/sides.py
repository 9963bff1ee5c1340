"""Orders for two processors: what the NPU cannot run parts its work, and the order says how often.

Every run of consecutive operators on the NPU is one part: also operators that depend on nothing of
each other share it, and an operator of the CPU between two others parts them needed or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

from mmc.schedule.graph import Graph


def parts(order: Sequence[int], off: Collection[int]) -> Iterator[tuple[int, ...]]:
    """Yield the runs of an order that are on the NPU."""
    for on_host, run in groupby(order, key=lambda position: position in off):
        if not on_host:
            yield tuple(run)


def fewest_parts(graph: Graph, order: Sequence[int], off: Collection[int]) -> Sequence[int]:
    """Return an order with the fewest parts on the NPU; the given one if no other has fewer.

    From either side on, everything that can run there does, before the other side goes on: no
    order changes sides less often. Within a side the given order holds.
    """
    place = {position: rank for rank, position in enumerate(order)}
    candidates = [order]
    for on_host in (False, True):
        stages = sides(graph, off, on_host)
        candidates.append([p for stage in stages for p in sorted(stage, key=place.__getitem__)])
    return min(candidates, key=lambda found: sum(1 for _ in parts(found, off)))


def sides(graph: Graph, off: Collection[int], on_host: bool) -> Iterator[list[int]]:
    """Yield the operators that one side can run, then the other; the CPU begins if `on_host`."""
    before = [graph.predecessors(position) for position in range(len(graph.ops))]
    missing = [len(earlier) for earlier in before]
    users: list[list[int]] = [[] for _ in before]
    for position, earlier in enumerate(before):
        for one in earlier:
            users[one].append(position)
    ready: dict[bool, list[int]] = {True: [], False: []}
    for position, count in enumerate(missing):
        if not count:
            ready[position in off].append(position)
    while ready[True] or ready[False]:
        stage = ready[on_host]
        ready[on_host] = []
        for position in stage:  # grows while it is walked
            for user in users[position]:
                missing[user] -= 1
                if not missing[user]:
                    (stage if (user in off) == on_host else ready[not on_host]).append(user)
        yield stage
        on_host = not on_host
