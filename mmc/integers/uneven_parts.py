"""Outputs that a Concat joins of parts of far different ranges: boxes in pixels, and scores.

The codes of such an output have one scale, that of its largest part, and may not tell the numbers
of another part apart at all: in a detector of 640 pixels every score becomes 0. Who reads the
output takes it apart again, so that each part has to be right by itself, however little it adds to
the error of the whole. Where operators only join and move the parts before they leave the codes,
these stay float, and every part has a scale of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmc.integers.activation_scales import Scales, activations
from mmc.integers.integer_ops import FIXED, JOINED, MOVES
from mmc.integers.integer_ranges import Needed, Range
from mmc.integers.layers import base_of
from mmc.ir import Node, Value, constant
from mmc.quant.ranges import min_max
from mmc.quant.statistics import Histogram

LEAST_STEPS = {8: 64, 16: 1024}
"""Steps of the whole's scale that a part has to span, by bits: with fewer, two of 8 bits are lost,
or float16 tells more numbers apart."""


def uneven_joins(nodes: Sequence[Node], scales: Scales, seen: Mapping[str, Histogram]) -> set[Node]:
    """Return what joins uneven parts into a value that leaves the codes, and what moves that.

    Args:
        nodes: the operators that would compute on codes, in the order of the graph.
        seen: what calibration saw, by name.
    """
    coded = set(nodes)
    leaving = leaving_values(nodes, coded)
    ranges, needed = scales.merged(seen, min_max), Needed(seen)
    found: set[Node] = set()
    for node in nodes:
        if not any(out in leaving for out in node.outputs):
            continue
        op = base_of(node)[1]
        moved = op in MOVES | JOINED and any(v.producer() in found for v in activations(node))
        if moved or (op in JOINED and is_uneven(node, scales, ranges, needed)):
            found.add(node)
    return found


def leaving_values(nodes: Sequence[Node], coded: set[Node]) -> set[Value]:
    """Return what is an output or read by floats, by way of moves and joins alone."""
    found: set[Value] = set()
    for node in reversed(nodes):
        for out in node.outputs:
            users = [use.node for use in out.uses()]
            if out.is_graph_output() or any(leaves(user, coded, found) for user in users):
                found.add(out)
    return found


def leaves(user: Node, coded: set[Node], leaving: set[Value]) -> bool:
    """Say whether what a node reads leaves the codes there, or behind it."""
    moves = base_of(user)[1] in MOVES | JOINED
    return user not in coded or (moves and any(out in leaving for out in user.outputs))


def is_uneven(node: Node, scales: Scales, ranges: Mapping[Value, Range], needed: Needed) -> bool:
    """Say whether a part of what a node joins spans too few steps of the whole; zeros do not."""
    least = LEAST_STEPS[scales.bits] * step_of(node.outputs[0], scales, ranges)
    parts = [ends for v in node.inputs if v is not None and (ends := ends_of(v, needed))]
    return any(0 < max(high, 0.0) - min(low, 0.0) < least for low, high in parts)


def step_of(value: Value, scales: Scales, ranges: Mapping[Value, Range]) -> float:
    """Return the step of the scale that a value would have."""
    if (known := scales.fixed(value)) is not None:
        return known.scale
    low, high = ranges[scales.root(value)]
    return scales.covering(scales.margin * low, scales.margin * high).scale


def ends_of(value: Value, needed: Needed) -> Range | None:
    """Return the least and the largest number of a part, where they are known."""
    array = constant(value)
    if array is not None:
        return (float(array.min()), float(array.max())) if array.size else None
    histogram = needed.seen.get(value.name or "")
    return None if histogram is None else needed.within(min_max(histogram), value)


def last_of_fixed_scale(nodes: Sequence[Node]) -> set[Node]:
    """Return what makes, in a scale that a kernel dictates, nothing but floats of the outputs."""
    coded = set(nodes)
    return {n for n in nodes if base_of(n)[1] in FIXED and only_moved_out(n, coded)}


def only_moved_out(node: Node, coded: set[Node]) -> bool:
    """Say whether a result is only moved to outputs, and joined on the way by floats alone."""
    front = list(node.outputs)
    seen = set(front)  # a value may be joined with itself many times
    while front:
        value = front.pop()
        users = [use.node for use in value.uses()]
        if not users and not value.is_graph_output():
            return False
        for user in users:
            op = base_of(user)[1]
            if op not in MOVES | JOINED or (op in JOINED and user in coded):
                return False
            front += [v for v in user.outputs if v not in seen]
            seen.update(user.outputs)
    return True
