"""The order of operators that needs the least memory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mmc.schedule.bound import lower_bound, weak_bound
from mmc.schedule.graph import Graph
from mmc.schedule.pieces import Piece, cut, pieces, windows
from mmc.schedule.search import Search
from mmc.schedule.storage import Storage
from mmc.schedule.walk import Walk

RUNS = 80_000
TURN = 1000
LOOKAHEAD = 200
MOST_OPS = 2048
WINDOW = 256


@dataclass(frozen=True)
class Ordered:
    """An order, its peak in bytes, and a peak that no order goes below."""

    order: Sequence[int]
    peak: int
    bound: int


def best_order(graph: Graph, storage: Storage, runs: int = RUNS) -> Ordered:
    """Return an order whose peak is at most that of the given one; optimal if equal to `bound`.

    The graph is cut where every order passes the same set of operators, and longer pieces into
    windows of WINDOW operators. Those whose peak is above what the whole needs in any case are
    improved, highest first, with at most `runs` operators tried in all; the others keep their
    order. A run costs more in a longer piece, and is counted so.
    """
    whole, ranges = set(cut(graph)), windows(graph, MOST_OPS, WINDOW)
    parts = list(pieces(graph, storage, ranges))
    given = [range(len(part.ops)) for part in parts]
    found = [Ordered(order, p.peak(order), 0) for p, order in zip(parts, given, strict=True)]
    ranking = sorted(range(len(parts)), key=lambda i: -found[i].peak)
    floor = _bounds(parts, found, ranking, whole, sum(graph.sizes[t] for t in set(graph.inputs)))
    for index in ranking:
        if found[index].peak <= floor:
            break
        cost = 1 + len(parts[index].ops) // 1024
        exact, left = parts[index].ops in whole, max(runs // cost, 0)
        found[index], spent = improve(parts[index], found[index], floor, left, exact=exact)
        runs -= spent * cost
        if exact:
            floor = max(floor, found[index].bound)
    order = [part.ops.start + op for part, f in zip(parts, found, strict=True) for op in f.order]
    return Ordered(order, max((f.peak for f in found), default=0), floor)


def _bounds(
    parts: list[Piece], found: list[Ordered], ranking: list[int], whole: set[range], inputs: int
) -> int:
    """Bound the parts that may need more than the others do in any case; return the highest."""
    floor = 0
    for index in ranking:
        part = parts[index]
        if found[index].peak <= floor:
            break
        bound = lower_bound(part) if part.ops in whole else weak_bound(part, inputs)
        found[index] = replace(found[index], bound=bound)
        floor = max(floor, bound)
    return floor


def improve(
    piece: Piece, given: Ordered, floor: int, runs: int, *, exact: bool
) -> tuple[Ordered, int]:
    """Return a better order of one piece, or the given one, and the operators that were run.

    The easier direction differs from graph to graph, so both take turns. Unless `exact`, only the
    heuristic is tried: the optimum of a window says nothing about the whole.
    """
    walks = Walk(piece, backwards=True), Walk(piece)
    best = given
    for walk in walks:
        if best.peak > max(floor, best.bound):
            best = descend(walk, best, floor, runs // 3)
    searches = [Search(walk, walk.start(), floor, best.peak) for walk in walks]
    while exact and best.peak > max(floor, best.bound) and sum(w.runs for w in walks) < runs:
        for search in searches:
            best = exactly(search, best)
    return best, sum(w.runs for w in walks)


def exactly(search: Search, best: Ordered) -> Ordered:
    """Take a turn of the exact search; return the optimal order, or `best` with a better bound."""
    search.advance(TURN)
    bound = max(best.bound, search.bound)
    if search.state.done == search.walk.all and search.peak < best.peak:
        return Ordered(search.walk.order(search.state), search.peak, bound)
    return Ordered(best.order, best.peak, bound)


def descend(walk: Walk, best: Ordered, level: int, runs: int) -> Ordered:
    """Return the order found by looking ahead to the next valley, or `best`.

    A valley is a state with no more memory than the last; it is final once it is found, so the
    order need not be optimal.
    """
    state = walk.start()
    while state.done != walk.all:
        search = Search(walk, state, level, sys.maxsize)
        search.advance(LOOKAHEAD, valley=True)
        state, level = search.state, search.peak
        if level >= best.peak or walk.runs >= runs:
            return best
    return Ordered(walk.order(state), level, best.bound)
