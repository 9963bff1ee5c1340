"""Which part of a field to adopt: the exact minimum of what transposes cost, by a minimum cut.

Every node of the field is a variable: 1 works in the field's layouts, 0 in the present ones. A
value read in another layout than it is stored in costs a transpose, once for all such readers.
Of equal choices, the one with fewer transposes right beside channels-last operators is better:
what lies between can be fused with them. Every adoption lowers this sum, so that moves end.
Boykov and Kolmogorov, "An experimental comparison of min-cut/max-flow algorithms for energy
minimization in vision", PAMI 2004, section 2.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from mmc.ir import Node, Value, constant, shape_of
from mmc.layout.carriers import is_channels_last, transposed_by
from mmc.layout.field import Field
from mmc.layout.flow import minimum_cut
from mmc.layout.permutation import Perm, between, compose, cost, identity

SOURCE, SINK = "adopted", "kept"
BESIDE = 2.0**-16
"""Cost of a transpose beside a channels-last operator: decides ties; sums of it are exact."""
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

    def table(self, a: Vertex, b: Vertex, costs: tuple[float, ...]) -> None:
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
        value, adopted = minimum_cut(self._taken(), SOURCE, SINK)
        return value + self.offset, adopted

    def _taken(self) -> dict[tuple[Vertex, Vertex], float]:
        """Return the capacities; the network keeps none."""
        found, self.capacity = self.capacity, {}
        return found


def choose(field: Field) -> set[Node]:
    """Return the nodes that adopt the field, as many as possible at the least cost.

    Empty when keeping everything costs no more.
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
    return {n for n in variables if n in adopted} if best < present else set()


def _reads_field(field: Field, node: Node) -> bool:
    """Say whether a transpose just makes the field's layout of its operand: any reader's copy."""
    x, y = node.inputs[0], node.outputs[0]
    return x in field.layouts and y not in field.layouts and transposed_by(node) == field.layout(x)


def _present_cost(field: Field, value: Value) -> float:
    copied = any(transposed_by(n) and _reads_field(field, n) for n, _ in value.uses())
    return _prices(field, value)[1] if copied else 0


def _prices(field: Field, value: Value) -> tuple[float, float]:
    """Return the cost of a copy as the model writes the value, and of one in the field's layout."""
    price = cost(shape_of(value), field.layouts[value])
    copies = [n for n, _ in value.uses() if transposed_by(n) and _reads_field(field, n)]
    above = _made_beside(value) or any(_read_beside(n.outputs[0]) for n in copies)
    below = _read_beside(value) or _bypassed_beside(value)
    return price + BESIDE * below, price + BESIDE * above


def _made_beside(value: Value) -> bool:
    producer = value.producer()
    return producer is not None and is_channels_last(producer)


def _bypassed_beside(value: Value) -> bool:
    """Say whether what the value is made by may vanish and leave it beside such an operator."""
    producer = value.producer()
    if producer is None or transposed_by(producer) is None:
        return False
    operand = producer.inputs[0]
    return operand is not None and _made_beside(operand)


def _read_beside(value: Value) -> bool:
    return any(is_channels_last(node) for node, _ in value.uses())


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
    present, alternative = _prices(field, value)
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
    network.arc(producer, to_present, present)
    network.arc(to_field, producer, alternative)
    for reader in readers:
        network.arc(to_present, reader, float("inf"))
        network.arc(reader, to_field, float("inf"))


def _transpose_arcs(network: _Network, field: Field, variables: set[Node], node: Node) -> float:
    """A transpose turns whatever its operand is stored in into whatever its result is stored in."""
    x, y = node.inputs[0], node.outputs[0]
    q = transposed_by(node)
    assert x is not None
    assert q is not None
    dims, own = shape_of(x), identity(len(q))
    beside = BESIDE * _made_beside(x), BESIDE * (_made_beside(x) or _read_beside(y))

    def price(a: Perm, b: Perm) -> float:
        moved = cost([dims[i] for i in a], between(a, compose(q, b)))
        return moved and moved + beside[b == own]

    costs = tuple(price(a, b) for a in (own, field.layout(x)) for b in (own, field.layout(y)))
    network.table(_side(variables, x.producer()), _side(variables, node), costs)
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
