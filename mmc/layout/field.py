"""A layout field: one alternative layout for each of many connected values, from a few seeds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mmc.ir import Node, Value, constant, shape_of
from mmc.layout.carriers import Carrier, Sides, carrier_of, through_transpose, transposed_by
from mmc.layout.permutation import Perm, identity, same_order


@dataclass
class Field:
    """`layouts`: the alternative of a value; `nodes`: those that can work in it, and how.

    A value that is not in `layouts` is stored as it is written; a node that is neither in `nodes`
    nor a Transpose is tied to the layout it has.
    """

    layouts: dict[Value, Perm] = field(default_factory=dict)
    nodes: dict[Node, Sides] = field(default_factory=dict)
    tied: set[Node] = field(default_factory=set)
    more: Mapping[str, Carrier] = field(default_factory=dict)
    """Carriers of ONNX's operators that only some backends have."""
    alike: dict[tuple[Any, ...], Sides] = field(default_factory=dict)

    def shared(self, sides: Sides) -> Sides:
        """Return the first that says the same: of ten thousand nodes most work alike."""
        key = tuple(sides.inputs.items()), tuple(sides.outputs.items())
        return self.alike.setdefault(key, sides)

    def carrier(self, node: Node) -> Carrier | None:
        """Return the carrier of a node, or None when the operator is tied to its layout."""
        own = self.more.get(node.op_type) if node.domain == "" else None
        return own or carrier_of(node)

    def layout(self, value: Value) -> Perm:
        """Return the alternative layout of a value (its own when it has none)."""
        return self.layouts.get(value) or identity(len(shape_of(value)))


def grow(
    seeds: Iterable[tuple[Value, Perm]],
    limit: int | None = None,
    more: Mapping[str, Carrier] | None = None,
) -> Field:
    """Carry the layouts of the seeds as far as the operators between them allow.

    The first layout to reach a value is its alternative; a node that would need another is tied.
    With `limit`, growth stops at that many nodes.
    """
    found = Field(more=more or {})
    work: deque[Value] = deque()
    for value, p in seeds:
        _label(found, work, value, p)
    while work and (limit is None or len(found.nodes) < limit):
        value = work.popleft()
        producer = value.producer()
        if producer is not None:
            _visit(found, work, producer, value.index() or 0, False, found.layouts[value])
        for node, position in value.uses():
            _visit(found, work, node, position, True, found.layouts[value])
    return found


def _label(found: Field, work: deque[Value], value: Value, p: Perm) -> None:
    if value not in found.layouts and p != identity(len(p)) and constant(value) is None:
        found.layouts[value] = p
        work.append(value)


def _visit(
    found: Field, work: deque[Value], node: Node, position: int, is_input: bool, p: Perm
) -> None:
    """Extend the field through `node`, which has a value in layout `p` at `position`."""
    if node in found.nodes or node in found.tied:
        return
    q = transposed_by(node)
    if q is not None:
        other = node.outputs[0] if is_input else node.inputs[0]
        assert other is not None
        _label(found, work, other, through_transpose(q, p, is_input))
        return
    carrier = found.carrier(node)
    sides = carrier.carry(node, position, is_input, p) if carrier else None
    sides = sides and _agree(found, node, sides)
    if sides is None:
        if carrier is None or is_input:
            found.tied.add(node)
        return
    sides = found.nodes[node] = found.shared(sides)
    for value, layout in _labelled(node, sides):
        _label(found, work, value, layout)


def _labelled(node: Node, sides: Sides) -> list[tuple[Value, Perm]]:
    """The values of a node that have a layout of their own (no constants, no broadcast ones)."""
    pairs = [(node.inputs[i], p) for i, p in sides.inputs.items()]
    pairs += [(node.outputs[i], p) for i, p in sides.outputs.items()]
    return [
        (v, p)
        for v, p in pairs
        if v is not None and constant(v) is None and len(shape_of(v)) == len(p)
    ]


def _agree(found: Field, node: Node, sides: Sides) -> Sides | None:
    """Return `sides` when no value of the node already has another layout, else None.

    A reshape may take any layout with the same order of elements, so it adopts the one found.
    """
    inputs, outputs = dict(sides.inputs), dict(sides.outputs)
    for places, values in ((inputs, node.inputs), (outputs, node.outputs)):
        for position, p in places.items():
            value = values[position]
            known = found.layouts.get(value) if value is not None else None
            if known is None or known == p or value is None:
                continue
            if node.op_type != "Reshape" or not same_order(shape_of(value), known, p):
                return None
            places[position] = known
    return Sides(inputs, outputs)
