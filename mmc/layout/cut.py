"""Which part of a field to adopt: the exact minimum of what transposes cost, by a minimum cut.

Every node of the field is a variable: 1 works in the field's layouts, 0 in the present ones. A
value read in another layout than it is stored in costs a transpose, once for all such readers.
Boykov and Kolmogorov, "An experimental comparison of min-cut/max-flow algorithms for energy
minimization in vision", PAMI 2004, section 2.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from mmc.ir import Node, Value, constant, shape_of
from mmc.layout.carriers import transposed_by
from mmc.layout.field import Field
from mmc.layout.flow import minimum_cut
from mmc.layout.permutation import Perm, between, compose, cost, identity

SOURCE, SINK = "adopted", "kept"
Vertex = Any


class _Network:
    """Capacities; a vertex on the source side adopts the field."""

    def __init__(self) -> None:
        self.capacity: dict[tuple[Vertex, Vertex], float] = defaultdict(float)
        self.offset = 0.0

    def arc(self, tail: Vertex, head: Vertex, capacity: float) -> None:
        """Pay `capacity` when `tail` adopts and `head` does not."""
        if capacity > 0 and tail is not head and tail is not SINK and head is not SOURCE:
            self.capacity[tail, head] += capacity

    def table(self, a: Vertex, b: Vertex, costs: tuple[int, int, int, int]) -> None:
        """Pay costs[2 * (a adopts) + (b adopts)]; made submodular from above where it is not."""
        c00, c01, c10, c11 = costs
        joint = max(0, c01 + c10 - c00 - c11)
        self.arc(SOURCE, a, c00)
        self.arc(a, SINK, c10)
        if c11 >= c10:
            self.arc(b, SINK, c11 - c10)
        else:
            self.arc(SOURCE, b, c10 - c11)
            self.offset += c11 - c10
        self.arc(b, a, joint)

    def solve(self) -> tuple[float, set[Vertex]]:
        """Return the cost of the best choice and the vertices that adopt."""
        value, adopted = minimum_cut(self.capacity, SOURCE, SINK)
        return value + self.offset, adopted


def choose(field: Field, *, prefer: bool = False) -> set[Node]:
    """Return the nodes that adopt the field, as many as possible at the least cost.

    Empty when keeping everything costs no more; with `prefer`, only when it costs less.
    """
    network = _Network()
    transposes = {
        node
        for value in field.layouts
        for node in [value.producer(), *(use.node for use in value.uses())]
        if node is not None and transposed_by(node) is not None
    }
    variables = set(field.nodes) | {t for t in transposes if t.outputs[0] in field.layouts}
    for value in _values(field):
        _value_arcs(network, field, variables, value)
    present = sum(_present_cost(field, value) for value in field.layouts)
    for node in transposes:
        if not _reads_field(field, node):
            present += _transpose_arcs(network, field, variables, node)
    for node in field.nodes:
        network.arc(node, SINK, _broadcast_cost(field, node))
    best, adopted = network.solve()
    gains = best < present or (prefer and best == present)
    return {n for n in variables if n in adopted} if gains else set()


def _reads_field(field: Field, node: Node) -> bool:
    """Say whether a transpose just makes the field's layout of its operand: any reader's copy."""
    x, y = node.inputs[0], node.outputs[0]
    return x in field.layouts and y not in field.layouts and transposed_by(node) == field.layout(x)


def _present_cost(field: Field, value: Value) -> int:
    copied = any(transposed_by(n) and _reads_field(field, n) for n, _ in value.uses())
    return cost(shape_of(value), field.layouts[value]) if copied else 0


def _values(field: Field) -> list[Value]:
    touched = dict.fromkeys(field.layouts)
    for node in field.nodes:
        touched.update(dict.fromkeys(v for v in node.inputs if v is not None))
    return [v for v in touched if constant(v) is None]


def _side(variables: set[Node], node: Node | None) -> Vertex:
    return node if node is not None and node in variables else SINK


def _value_arcs(network: _Network, field: Field, variables: set[Node], value: Value) -> None:
    """One transpose serves all readers that want the layout the value is not stored in."""
    layout = field.layouts.get(value)
    if layout is None:
        return
    price = cost(shape_of(value), layout)
    producer = _side(variables, value.producer())
    readers: list[Vertex] = [SINK] if value.is_graph_output() else []
    for node, position in value.uses():
        if transposed_by(node) is not None:
            readers += [SOURCE] if _reads_field(field, node) else []
            continue
        sides = field.nodes.get(node)
        wanted = sides.inputs.get(position) if sides else None
        readers.append(node if wanted == layout else SINK)
    if all(reader is producer for reader in readers):
        return
    to_present, to_field = (value, "present"), (value, "field")
    network.arc(producer, to_present, price)
    network.arc(to_field, producer, price)
    for reader in readers:
        network.arc(to_present, reader, float("inf"))
        network.arc(reader, to_field, float("inf"))


def _transpose_arcs(network: _Network, field: Field, variables: set[Node], node: Node) -> int:
    """A transpose turns whatever its operand is stored in into whatever its result is stored in."""
    x, y = node.inputs[0], node.outputs[0]
    q = transposed_by(node)
    assert x is not None
    assert q is not None
    dims, own = shape_of(x), identity(len(q))
    froms = (own, field.layout(x))
    tos = (own, field.layout(y))

    def price(a: Perm, b: Perm) -> int:
        return cost([dims[i] for i in a], between(a, compose(q, b)))

    costs = tuple(price(a, b) for a in froms for b in tos)
    network.table(
        _side(variables, x.producer()),
        _side(variables, node),
        (costs[0], costs[1], costs[2], costs[3]),
    )
    return costs[0]


def _broadcast_cost(field: Field, node: Node) -> int:
    """Operands of lower rank are reshaped and transposed when the node adopts."""
    total = 0
    for position, layout in field.nodes[node].inputs.items():
        value = node.inputs[position]
        if value is None or constant(value) is not None:
            continue
        dims = shape_of(value)
        if len(dims) < len(layout) and max(dims, default=1) > 1:
            padded = (1,) * (len(layout) - len(dims)) + dims
            total += max(1, cost(padded, layout))
    return total
