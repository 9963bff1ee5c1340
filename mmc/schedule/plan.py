"""The plan: order, offsets and what they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmc.schedule.arena import ALIGNMENT, lay_out
from mmc.schedule.graph import Graph
from mmc.schedule.liveness import lifetimes, peak
from mmc.schedule.order import RUNS, best_order
from mmc.schedule.storage import Storage, share


@dataclass(frozen=True)
class MemoryPlan:
    """An order of operators and the memory for activations (no constants) that it needs.

    `peak_bytes` are in use at once; `arena_bytes` is the block that `offsets` (by tensor) lie in,
    larger where gaps are left. No order has a peak below `lower_bound`, with the same sharing of
    memory: `in_place` operators overwrite an input, `aliases` are views of one.
    """

    peak_bytes: int
    arena_bytes: int
    lower_bound: int
    order: tuple[int, ...]
    offsets: dict[int, int]
    in_place: int
    aliases: int


@dataclass(frozen=True)
class Schedule:
    """The plan of the order that a graph came in, and the best that was found."""

    before: MemoryPlan
    after: MemoryPlan


def schedule(graph: Graph, *, alignment: int = ALIGNMENT, runs: int = RUNS) -> Schedule:
    """Return an order with at most the peak and at most the arena of the given one.

    Args:
        alignment: of every offset, in bytes.
        runs: how much is tried, in operators; what is not proved by then shows in `lower_bound`.
    """
    storage = share(graph)
    best = best_order(graph, storage, runs)
    given = tuple(range(len(graph.ops)))
    before = lay_out_in(graph, storage, given, best.bound, alignment)
    if tuple(best.order) == given:
        return Schedule(before, before)
    after = lay_out_in(graph, storage, best.order, best.bound, alignment)
    return Schedule(before, after if after.arena_bytes <= before.arena_bytes else before)


def planned(
    graph: Graph, order: Sequence[int], known: Schedule, *, alignment: int = ALIGNMENT
) -> Schedule:
    """Return the figures of an order that was chosen for another reason than memory."""
    bound = known.after.lower_bound
    return Schedule(known.before, lay_out_in(graph, share(graph), order, bound, alignment))


def arena_of(graph: Graph, *, alignment: int = ALIGNMENT) -> int:
    """Return the bytes that a graph needs in the order that it came in."""
    found = lifetimes(graph, share(graph), range(len(graph.ops)))
    return lay_out(found, alignment).bytes


def lay_out_in(
    graph: Graph, storage: Storage, order: Sequence[int], bound: int, alignment: int
) -> MemoryPlan:
    """Return the plan of one order; `bound` is known of all."""
    found = lifetimes(graph, storage, order)
    arena = lay_out(found, alignment)
    shared = {t: arena.offsets[owner] for t, owner in storage.root.items()}
    return MemoryPlan(
        peak(found, len(order)),
        arena.bytes,
        bound,
        tuple(order),
        arena.offsets | shared,
        storage.in_place,
        storage.views,
    )
