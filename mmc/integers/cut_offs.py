"""Activations that only cut off, behind operators on codes: codes end where they do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mmc.integers.activation_scales import Scales
from mmc.integers.integer_ops import FREE
from mmc.integers.integer_ranges import cut_off
from mmc.integers.layers import base_of
from mmc.ir import SOURCES, Graph, Node, origin_of
from mmc.pattern import substitute


def ends_with_codes(node: Node) -> bool:
    """Say whether a node cuts off at ends that codes, which hold 0, may have."""
    ends = cut_off(node)
    return ends is not None and ends[0] <= 0 <= ends[1]


def is_behind(node: Node, coded: Collection[Node]) -> bool:
    """Say whether a node alone cuts off what an operator makes on codes of any scale."""
    value = node.inputs[0]
    maker = None if value is None else value.producer()
    if value is None or maker not in coded or maker is None or value.is_graph_output():
        return False
    return ends_with_codes(node) and len(value.uses()) == 1 and base_of(maker)[1] in FREE


def drop_cut_offs(graph: Graph, nodes: Sequence[Node], scales: Scales) -> list[Node]:
    """Take out what codes do by where they end, and the scales of what that makes.

    Returns:
        The operators that compute on codes now: no Clip is left, it has no kernel of its own.
    """
    coded = set(nodes)
    for node in nodes:
        source, made = node.inputs[0], node.outputs[0]
        ends = cut_off(node)
        if ends is None or not is_behind(node, coded):
            continue
        assert source is not None
        q = scales.of(source)
        step = q.scale / 2  # an end is rounded to the nearest code, so that 0 is one
        low, high = q.ends
        if q == scales.of(made) and ends[0] - step <= low and high <= ends[1] + step:
            maker = source.producer()
            assert maker is not None
            maker.metadata_props[SOURCES] = origin_of([maker, node])
            substitute(made, source)
            graph.remove(node)
            del scales.values[made]
            coded.remove(node)
    return [n for n in nodes if n in coded and base_of(n)[1] != "Clip"]
