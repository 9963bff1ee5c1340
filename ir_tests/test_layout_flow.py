"""The minimum cut, against networkx."""

from __future__ import annotations

import math

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from mmc.layout.flow import minimum_cut

ARCS = st.dictionaries(
    st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda arc: arc[0] != arc[1]),
    st.one_of(st.integers(0, 20), st.just(math.inf)),
    max_size=30,
)


def oracle(arcs: dict[tuple[int, int], float]) -> tuple[float, set[int]]:
    """The cut's capacity, and everything that cannot reach vertex 1 once the flow is maximal."""
    graph = nx.DiGraph()
    graph.add_nodes_from((0, 1))
    for (tail, head), capacity in arcs.items():
        graph.add_edge(tail, head, **({} if capacity == math.inf else {"capacity": capacity}))
    value, (side, _) = nx.minimum_cut(graph, 0, 1)
    return value, side


@given(ARCS)
def test_capacity_and_side_are_those_of_networkx(arcs: dict[tuple[int, int], float]) -> None:
    certain = nx.DiGraph([arc for arc, capacity in arcs.items() if capacity == math.inf])
    certain.add_nodes_from((0, 1))
    if nx.has_path(certain, 0, 1):
        arcs = {arc: min(capacity, 20) for arc, capacity in arcs.items()}
    assert minimum_cut(arcs, 0, 1) == oracle(arcs)


def test_without_a_way_everything_but_the_sink_is_on_the_source_side() -> None:
    assert minimum_cut({(0, 2): 3, (3, 1): 4}, 0, 1) == (0, {0, 2})
