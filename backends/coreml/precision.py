"""Which operators of a float16 program compute in float32: where float16 loses the value itself.

Magnitudes sqrt(a² + b²) lose small a and b when they are squared, logarithms lose what a tiny
constant keeps from being 0 and what a large one makes of their operand, variances E[x²] - E[x]²
lose all digits that both have in common, layers whose weights float16 does not reach. Such regions
are cast on the way in and out.
"""

from __future__ import annotations

import numpy as np

from mmc.integers.integer_ops import dequantizer
from mmc.ir import Model, Node, Value, constant

SMALLEST_NORMAL = 2.0**-14
"""Below it, float16 has fewer digits; below 2**-25 it has 0."""
LARGEST = 65504.0
"""Beyond it, float16 has only infinity."""
ELEMENTWISE = frozenset({"Abs", "Add", "Clip", "Div", "Max", "Mul", "Pow", "Sqrt", "Sub", "Sum"})
SUMS = frozenset({"ReduceL1", "ReduceL2", "ReduceMean", "ReduceSum", "ReduceSumSquare"})
MOVES = frozenset({"Concat", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"})
PASSED = ELEMENTWISE | SUMS | MOVES
LINEAR = frozenset({"Conv", "Gather", "MatMul", "Linear", "Neg", "Pad"})
LAYERS = ("Conv", "Linear", "MatMul")
"""How the names of layers begin. Their large numbers are no masks, which may end at any."""
MOST_CODE = 127
AFTER = frozenset({"Add", "Clip", "Max", "Relu", "Sqrt"})
"""What makes a deviation of a variance."""


def wide_nodes(model: Model) -> frozenset[Node]:
    """Return the nodes that compute in float32."""
    wide: set[Node] = set()
    for node in model.graph:
        asks = CAREFUL.get(node.op_type)
        if asks is not None and asks(node.inputs[0]):
            wide |= {node, *region(node.inputs[0])}
        if is_variance(node):
            wide |= {node, *moments(node), *deviation(node)}
        if node.op_type.startswith(LAYERS) and any(map(reaches_beyond, node.inputs[1:3])):
            wide.add(node)
    return frozenset(wide)


def reaches_beyond(value: Value | None) -> bool:
    """Say whether a weight or bias may have finite numbers beyond float16."""
    maker = dequantizer(value)
    array = constant(value if maker is None else maker.inputs[1])
    if array is None or array.dtype.kind != "f" or not array.size:
        return False
    most = max(float(array.max()), -float(array.min())) * (1 if maker is None else MOST_CODE)
    return bool(LARGEST < most < np.inf)


def is_variance(node: Node) -> bool:
    """Say whether a node is E[x²] - E[x]²."""
    if node.op_type != "Sub":
        return False
    mean, square = (None if v is None else v.producer() for v in node.inputs)
    if mean is None or square is None or mean.op_type != "ReduceMean" or not is_square(square):
        return False
    first = mean.inputs[0].producer() if mean.inputs[0] is not None else None
    second = square.inputs[0].producer() if square.inputs[0] is not None else None
    if first is None or second is None or second.op_type != "ReduceMean" or not is_square(first):
        return False
    return first.inputs[0] is second.inputs[0]


def moments(node: Node) -> list[Node]:
    """Return the means and squares of a variance."""
    found = []
    for value in node.inputs:
        inner = value.producer() if value is not None else None
        before = inner.inputs[0].producer() if inner is not None and inner.inputs[0] else None
        found += [n for n in (inner, before) if n is not None]
    return found


def deviation(node: Node) -> list[Node]:
    """Return the nodes from a variance to its root: a tiny constant counts in them."""
    found: list[Node] = []
    while len(users := [use.node for use in node.outputs[0].uses()]) == 1:
        (node,) = users
        if node.op_type not in AFTER:
            return []
        found.append(node)
        if node.op_type == "Sqrt":
            return found
    return []


def region(value: Value | None) -> list[Node]:
    """Return the nodes behind a value: a linear front end up to the model's inputs, if it is that.

    A spectrogram is such: convolutions of the samples, whose small results matter as well. Else
    the region ends where convolutions and other operators begin.
    """
    front, leaves = behind(value, PASSED | LINEAR)
    if all(leaf.is_graph_input() for leaf in leaves):
        return front
    return behind(value, PASSED)[0]


def behind(value: Value | None, passed: frozenset[str]) -> tuple[list[Node], list[Value]]:
    """Return the nodes of `passed` kinds behind a value, and the values they start from."""
    found: dict[Node, None] = {}
    leaves: list[Value] = []
    work = [value]
    while work:
        value = work.pop()
        if value is None or constant(value) is not None:
            continue
        node = value.producer()
        if node is None or node.op_type not in passed:
            leaves.append(value)
        elif node not in found:
            found[node] = None
            work += node.inputs
    return list(found), leaves


def needs_small(value: Value | None) -> bool:
    """Say whether a tiny constant keeps a value from being 0."""
    node = value.producer() if value is not None else None
    return node is not None and any(is_tiny(v) for v in node.inputs)


def is_tiny(value: Value | None) -> bool:
    """Say whether a constant has numbers that float16 has not, or not fully."""
    array = constant(value)
    if array is None or array.dtype.kind != "f" or array.size > 1:
        return False
    return bool(0 < np.abs(array.reshape(-1)[0]) < SMALLEST_NORMAL)


def is_magnitude(value: Value | None) -> bool:
    """Say whether a value is a sum of squares to which nothing is added."""
    nodes = region(value)
    squares = any(is_square(node) for node in nodes)
    added = any(n.op_type == "Add" and any(map(constant_like, n.inputs)) for n in nodes)
    return squares and not added


def is_square(node: Node) -> bool:
    """Say whether a node squares its operand."""
    return node.op_type == "ReduceSumSquare" or (
        node.op_type == "Mul" and node.inputs[0] is node.inputs[1]
    )


def constant_like(value: Value | None) -> bool:
    """Say whether a value is constant."""
    return constant(value) is not None


def needs_more(value: Value | None) -> bool:
    """Say whether float16 has not what a logarithm is taken of: x + 1e-9, 2**20 x + 1."""
    return needs_small(value) or any(map(is_large, operands_of(region(value))))


def operands_of(nodes: list[Node]) -> list[Value | None]:
    """Return what nodes read."""
    return [v for node in nodes for v in node.inputs]


def is_large(value: Value | None) -> bool:
    """Say whether a constant is one number beyond float16."""
    array = constant(value)
    if array is None or array.dtype.kind != "f" or array.size > 1:
        return False
    return bool(LARGEST < np.abs(array.reshape(-1)[0]) < np.inf)


CAREFUL = {"Log": needs_more, "Sqrt": is_magnitude}
