"""How patterns match nodes of the graph, and why they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmc.counting import counted
from mmc.ir import Node, Value, attrs, constant
from mmc.pattern_language import CONSTANT, Const, Either, Maybe, OpPattern, Pattern
from mmc.values import tensor_digest

COMMUTATIVE = frozenset({"Add", "Mul", "Max", "Min", "And", "Or", "Xor", "Equal", "Sum", "Mean"})


class NoMatch(Exception):  # noqa: N818 - an outcome, not an error
    """Raised when a pattern or a rule does not apply; the text says why."""


@dataclass
class Match:
    """The nodes a pattern matched, each once, root first; and what its names are bound to."""

    nodes: list[Node] = field(default_factory=list)
    bindings: dict[str, Any] = field(default_factory=dict)
    values: dict[int, Value | None] = field(default_factory=dict)

    def copy(self) -> Match:
        """Return an independent copy (for backtracking)."""
        return Match(list(self.nodes), dict(self.bindings), dict(self.values))

    def take(self, other: Match) -> None:
        """Become `other`."""
        self.nodes, self.bindings, self.values = other.nodes, other.bindings, other.values


def match(pattern: OpPattern, root: Node) -> Match:
    """Match `pattern` at `root`; raises NoMatch with the reason when it does not fit."""
    found = Match()
    _match_node(pattern, root, found)
    if len(found.nodes) == 1:
        return found
    # Two parts of a pattern may fit one node (x * x): it is listed behind all that read it.
    found.nodes = [*dict.fromkeys(reversed(found.nodes))][::-1]
    inside = set(found.nodes)
    for node in found.nodes[1:]:
        for value in node.outputs:
            if value.is_graph_output() or any(use.node not in inside for use in value.uses()):
                raise NoMatch(f"{value.name!r} inside the pattern is used elsewhere")
    return found


def may_match(pattern: OpPattern, node: Node) -> bool:
    """Say whether `pattern` could match: false for most nodes, at a fraction of a match's cost.

    Only what the operands are made by is looked at, one level deep.
    """
    demands, inputs = pattern.demands, node.inputs
    if _may_be_made(demands, inputs):
        return True
    if node.op_type not in COMMUTATIVE or len(inputs) != 2 or len(pattern.inputs) != 2:
        return False
    return _may_be_made(demands, inputs[::-1])


def _may_be_made(
    demands: Sequence[tuple[int, frozenset[str]]], inputs: Sequence[Value | None]
) -> bool:
    for i, wanted in demands:  # noqa: SIM110 - a generator takes as long as all that it asks
        if i < len(inputs) and not _may_be(wanted, inputs[i]):
            return False
    return True


def _may_be(wanted: frozenset[str], value: Value | None) -> bool:
    if value is None:
        return False
    producer = value.producer()
    if producer is None:
        return value.const_value is not None and CONSTANT in wanted
    return producer.op_type in wanted


def same_constant(a: Value | None, b: Value) -> bool:
    """Say whether two values are constants that hold the same: exporters write some twice."""
    if a is None or a.const_value is None or b.const_value is None or a.shape != b.shape:
        return False
    return tensor_digest(a.const_value) == tensor_digest(b.const_value)


def _match_value(pattern: Any, value: Value | None, found: Match) -> None:
    if isinstance(pattern, str):
        bound = found.bindings.setdefault(pattern, value)
        if value is None or (bound is not value and not same_constant(bound, value)):
            raise NoMatch(f"{pattern!r} would have to be two different values")
        return
    if isinstance(pattern, Pattern) and id(pattern) in found.values:
        if found.values[id(pattern)] is not value:
            raise NoMatch("a shared part of the pattern would have to be two different values")
        return
    if isinstance(pattern, Maybe):
        _match_maybe(pattern, value, found)
    elif isinstance(pattern, Either):
        _first_that_fits([[(part, value)] for part in pattern.alternatives], found)
    elif isinstance(pattern, OpPattern):
        producer = value.producer() if value is not None else None
        if producer is None or value is None or value.index() != pattern.output:
            raise NoMatch(f"{_name(value)} is not made by {'/'.join(pattern.op_types)}")
        _match_node(pattern, producer, found)
    else:
        _match_const(pattern, value, found)
    if isinstance(pattern, Pattern):
        found.values[id(pattern)] = value


def _match_const(pattern: Const | float, value: Value | None, found: Match) -> None:
    spec = pattern if isinstance(pattern, Const) else Const(value=float(pattern))
    array = constant(value) if value is not None else None
    if array is None:
        raise NoMatch(f"{_name(value)} is not constant")
    if spec.value is not None:
        if array.size != 1:
            raise NoMatch(f"{_name(value)} is not the scalar {spec.value}")
        precision = 1e-3 if array.dtype.itemsize == 2 else 1e-5
        if not np.isclose(float(array.item()), spec.value, rtol=precision, atol=0):
            raise NoMatch(f"{_name(value)} is {array.item()}, expected {spec.value}")
    if spec.name:
        found.bindings[spec.name] = array


def _match_maybe(pattern: Maybe, value: Value | None, found: Match) -> None:
    if value is not None:
        _match_value(pattern.pattern, value, found)
        return
    inner = pattern.pattern
    name = inner if isinstance(inner, str) else getattr(inner, "name", "")
    if name:
        found.bindings[name] = None


def _first_that_fits(choices: Sequence[list[tuple[Any, Value | None]]], found: Match) -> None:
    """Match the pairs of the first choice that fits; a choice that fails leaves nothing bound."""
    reasons = []
    for pairs in choices:
        attempt = found.copy()
        try:
            for part, value in pairs:
                _match_value(part, value, attempt)
        except NoMatch as reason:
            reasons.append(str(reason))
            continue
        found.take(attempt)
        return
    raise NoMatch("; ".join(dict.fromkeys(reasons)))


def _match_node(pattern: OpPattern, node: Node, found: Match) -> None:
    if node.op_type not in pattern.op_types or node.domain != pattern.domain:
        raise NoMatch(f"{node.op_type} {node.name!r} is not {'/'.join(pattern.op_types)}")
    _match_attributes(pattern, node)
    found.nodes.append(node)
    if pattern.name:
        found.bindings[pattern.name] = node
    wanted = pattern.inputs[:-1] if pattern.inputs[-1:] == (...,) else pattern.inputs
    orders = _orders(pattern, node)
    if len(orders) == 1:  # nothing to go back to: whoever chose this node has the copy
        for part, value in zip(wanted, orders[0], strict=True):
            _match_value(part, value, found)
        return
    _first_that_fits([list(zip(wanted, i, strict=True)) for i in orders], found)


def _match_attributes(pattern: OpPattern, node: Node) -> None:
    if not pattern.attributes:
        return
    actual = attrs(node)
    for name, expected in pattern.attributes.items():
        if actual.get(name) != expected:
            raise NoMatch(f"{node.op_type} {node.name!r} has {name}={actual.get(name)}")


def _orders(pattern: OpPattern, node: Node) -> list[list[Value | None]]:
    """Return the operands in the orders that may match."""
    inputs: list[Value | None] = list(node.inputs)
    if pattern.inputs[-1:] == (...,):
        return [inputs[: len(pattern.inputs) - 1]]
    missing = len(pattern.inputs) - len(inputs)
    if missing < 0 and all(value is None for value in inputs[missing:]):
        inputs, missing = inputs[:missing], 0
    if missing < 0:
        raise NoMatch(f"{node.op_type} {node.name!r} has {counted(len(inputs), 'input')}")
    inputs += [None] * missing
    both = node.op_type in COMMUTATIVE and len(inputs) == 2
    return [inputs, inputs[::-1]] if both else [inputs]


def _name(value: Value | None) -> str:
    return "an omitted input" if value is None else repr(value.name)
