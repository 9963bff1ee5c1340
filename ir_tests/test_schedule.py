"""Orders and layouts of memory: against brute force, and what holds for every graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmc.schedule import Graph, MemoryPlan, Op, schedule
from mmc.schedule.arena import lay_out
from mmc.schedule.bound import lower_bound
from mmc.schedule.liveness import Lifetime
from mmc.schedule.order import best_order
from mmc.schedule.pieces import cut, pieces
from mmc.schedule.search import Search
from mmc.schedule.storage import share
from mmc.schedule.walk import Walk


@st.composite
def graphs(draw: st.DrawFn, most: int = 7) -> Graph:
    """Draw operators with one or two results, some in place, some views, some never read."""
    count = draw(st.integers(1, most))
    inputs = draw(st.integers(1, 2))
    size = st.sampled_from([0, 4, 8, 60, 64, 100, 128, 500])
    sizes = [draw(size) for _ in range(inputs)]
    ops: list[Op] = []
    for position in range(count):
        known = st.integers(0, len(sizes) - 1)
        read = tuple(draw(st.lists(known, max_size=3)))
        kind = draw(st.sampled_from(["plain", "plain", "in place", "view"])) if read else "plain"
        made = [len(sizes)]
        sizes.append(sizes[read[0]] if kind != "plain" else draw(size))
        if kind == "plain" and draw(st.booleans()):
            made.append(len(sizes))
            sizes.append(draw(size))
        after = tuple(draw(st.sets(st.integers(0, position - 1), max_size=1))) if position else ()
        overwrites = read if kind == "in place" else ()
        view_of = read[0] if kind == "view" else None
        ops.append(Op(read, tuple(made), overwrites, view_of, after))
    outputs = draw(st.sets(st.integers(inputs, len(sizes) - 1), max_size=2))
    return Graph(sizes, ops, tuple(range(inputs)), tuple(sorted(outputs)))


def orders(graph: Graph, done: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Yield every valid order."""
    if len(done) == len(graph.ops):
        yield done
    for op in range(len(graph.ops)):
        if op not in done and graph.predecessors(op) <= set(done):
            yield from orders(graph, (*done, op))


def in_use(graph: Graph, order: Sequence[int]) -> list[set[int]]:
    """Return the tensors that hold data during each step, by definition: made, or kept, or read."""
    step = {op: s for s, op in enumerate(order)}
    found: list[set[int]] = [set() for _ in order]
    for tensor in range(len(graph.sizes)):
        touching = [step[i] for i, op in enumerate(graph.ops) if tensor in op.inputs + op.outputs]
        first, last = min(touching, default=0), max(touching, default=-1)
        if tensor in graph.inputs:
            first, last = 0, len(order) - 1
        if tensor in graph.outputs:
            last = len(order) - 1
        for s in range(first, last + 1):
            found[s].add(tensor)
    return found


def needed(graph: Graph, order: Sequence[int]) -> int:
    """Return the peak of an order, by definition."""
    storage = share(graph)
    steps = [{storage.of(t) for t in tensors} for tensors in in_use(graph, order)]
    # Shared memory stays in use between two of its tensors.
    for owner in set().union(*steps):
        used = [s for s, owners in enumerate(steps) if owner in owners]
        for s in range(used[0], used[-1] + 1):
            steps[s].add(owner)
    return max(sum(graph.sizes[t] for t in owners) for owners in steps)


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_order_is_valid_and_as_good_as_brute_force(graph: Graph) -> None:
    found = schedule(graph)
    after = found.after
    seen: set[int] = set()
    for op in after.order:
        assert graph.predecessors(op) <= seen
        seen.add(op)
    assert seen == set(range(len(graph.ops)))
    assert after.peak_bytes == needed(graph, after.order)
    assert found.before.peak_bytes == needed(graph, range(len(graph.ops)))
    least = min(needed(graph, order) for order in orders(graph))
    best = best_order(graph, share(graph))
    assert best.peak == best.bound == least
    assert after.lower_bound == least
    assert after.peak_bytes <= found.before.peak_bytes
    assert after.arena_bytes <= found.before.arena_bytes


@settings(max_examples=50, deadline=None)
@given(graph=graphs(most=20), runs=st.sampled_from([0, 20, 200]))
def test_little_effort_costs_no_truth(graph: Graph, runs: int) -> None:
    """Exact <= heuristic <= given, and what is called a bound is below the optimum."""
    quick, thorough = (best_order(graph, share(graph), r) for r in (runs, 100_000))
    assert quick.bound <= thorough.bound <= thorough.peak <= quick.peak
    assert quick.peak <= needed(graph, range(len(graph.ops)))
    assert quick.peak == needed(graph, quick.order)


def execute(graph: Graph, plan: MemoryPlan) -> None:
    """Run the plan on a block of memory; every byte says whose data it holds."""
    memory = [-1] * plan.arena_bytes
    data = list(range(len(graph.sizes)))

    def cells(tensor: int) -> range:
        offset = plan.offsets[tensor]
        return range(offset, offset + graph.sizes[tensor])

    def check(tensor: int) -> None:
        assert all(memory[cell] == data[tensor] for cell in cells(tensor)), tensor

    def write(tensor: int) -> None:
        for cell in cells(tensor):
            memory[cell] = data[tensor]

    for tensor in graph.inputs:
        write(tensor)
    for position in plan.order:
        op = graph.ops[position]
        for tensor in op.inputs:
            check(tensor)
        if op.view_of is not None:
            data[op.outputs[0]] = data[op.view_of]
        for tensor in op.outputs:
            write(tensor)
        for tensor in op.outputs:
            check(tensor)
    for tensor in (*graph.inputs, *graph.outputs):
        check(tensor)


@settings(max_examples=80, deadline=None)
@given(graph=graphs(most=20), alignment=st.sampled_from([1, 16, 64]))
def test_no_data_is_overwritten_that_is_read_later(graph: Graph, alignment: int) -> None:
    for plan in vars(schedule(graph, alignment=alignment)).values():
        execute(graph, plan)
        assert all(offset % alignment == 0 for offset in plan.offsets.values())
        assert plan.arena_bytes >= plan.peak_bytes


@settings(max_examples=50, deadline=None)
@given(graph=graphs(), backwards=st.booleans())
def test_pieces_walks_and_bounds_agree(graph: Graph, backwards: bool) -> None:
    """Each piece's exact search, in either direction, finds the same optimum, above the bound."""
    storage = share(graph)
    best = 0
    for piece in pieces(graph, storage, cut(graph)):
        walk = Walk(piece, backwards)
        search = Search(walk, walk.start(), 0, below=10**9)
        search.advance(10**6)
        assert search.finished
        order = walk.order(search.state)
        assert piece.peak(order) == search.peak == search.bound >= lower_bound(piece)
        best = max(best, search.peak)
    assert best == min(needed(graph, order) for order in orders(graph))


@st.composite
def lives(draw: st.DrawFn) -> list[Lifetime]:
    """Draw lifetimes of at most 200 steps, some of them of all."""
    step, size = st.integers(0, 199), st.sampled_from([0, 1, 63, 64, 100, 1000])
    found = []
    for tensor in range(draw(st.integers(0, 40))):
        first, last = sorted((draw(step), draw(step))) if draw(st.booleans()) else (0, 199)
        found.append(Lifetime(tensor, draw(size), first, last))
    return found


@given(lives(), st.sampled_from([1, 16, 64]))
def test_a_loop_over_few_and_arrays_of_all_place_alike(
    found: list[Lifetime], alignment: int
) -> None:
    plans = []
    for few in (-1, len(found)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mmc.schedule.arena.FEW", few)
            plans.append(lay_out(found, alignment))
    assert plans[0] == plans[1]
    for a, b in combinations([f for f in found if f.size], 2):
        if a.first <= b.last and b.first <= a.last:
            x, y = plans[0].offsets[a.tensor], plans[0].offsets[b.tensor]
            assert x + a.size <= y or y + b.size <= x
