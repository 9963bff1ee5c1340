"""Replace sequences of tensors whose length is known by the tensors themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from mmc.ir import (
    Graph,
    Model,
    Node,
    Value,
    attrs,
    constant,
    discard,
    is_static,
    operand,
    shape_of,
    sources,
)
from mmc.pass_manager import Pass
from mmc.passes.inline_if import _substitute
from mmc.pattern import Builder, adopt


class Unknown(Exception):  # noqa: N818 - the node simply stays
    """The position or the length is not known now."""


@dataclass(frozen=True)
class ResolveSequences(Pass):
    """SequenceAt(SequenceConstruct(a, b), 1) -> b;  ConcatFromSequence(a, b) -> Concat(a, b)."""

    name = "resolve-sequences"

    def run(self, model: Model) -> int:
        """Return the number of nodes that became tensors."""
        resolver = Resolver(model)
        for node in list(model.graph):
            if node.op_type in RESOLVE and node.domain == "":
                resolver.visit(node)
        return resolver.changes


@dataclass
class Resolver:
    """What is known of every sequence: the list of its tensors."""

    model: Model
    lists: dict[Value, list[Value]] = field(default_factory=dict)
    changes: int = 0

    @property
    def graph(self) -> Graph:
        return self.model.graph

    def visit(self, node: Node) -> None:
        """Follow one node; a node that makes a tensor is replaced by it."""
        try:
            made = RESOLVE[node.op_type](self, node)
        except Unknown:
            return
        if isinstance(made, list):
            self.lists[node.outputs[0]] = made
            return
        for extra in _substitute(self.graph, node, node.outputs[0], made):
            extra.metadata_props.update(node.metadata_props)
        discard(node)
        self.changes += 1

    def items(self, node: Node, index: int = 0) -> list[Value]:
        """Return the tensors of the sequence that a node reads."""
        value = node.inputs[index]
        if value is None or value not in self.lists:
            raise Unknown
        return list(self.lists[value])

    def position(self, node: Node, index: int, default: int, size: int) -> int:
        """Return a position in a sequence, counted from the front."""
        value = operand(node, index)
        if value is None:
            return default
        array = constant(value)
        if array is None or not -size <= array.item() <= size:
            raise Unknown
        return int(array.item()) % size if array.item() < 0 else int(array.item())

    def build(self, node: Node, make: Callable[[Builder], Any]) -> Any:
        """Insert nodes before `node`; returns what `make` returns."""
        out = Builder()
        made = make(out)
        adopt(self.model, out, node, "\n".join(sources(node)))
        return made


def construct(r: Resolver, node: Node) -> list[Value]:
    """The inputs are the sequence."""
    return [v for v in node.inputs if v is not None]


def insert(r: Resolver, node: Node) -> list[Value]:
    """Put a tensor before a position, at the end when none is given."""
    items, value = r.items(node), node.inputs[1]
    assert value is not None
    items.insert(r.position(node, 2, len(items), len(items)), value)
    return items


def erase(r: Resolver, node: Node) -> list[Value]:
    """Leave one tensor out, the last when no position is given."""
    items = r.items(node)
    del items[r.position(node, 1, len(items) - 1, len(items))]
    return items


def at(r: Resolver, node: Node) -> Value:
    """Return one tensor."""
    items = r.items(node)
    place = r.position(node, 1, 0, len(items))
    if place >= len(items):
        raise Unknown
    return items[place]


def length(r: Resolver, node: Node) -> Value:
    """Return the number of tensors."""
    size = np.array(len(r.items(node)), np.int64)
    made: Value = r.build(node, lambda out: out.Identity(size))
    return made


def split(r: Resolver, node: Node) -> list[Value]:
    """SplitToSequence(x, split) is Split, its pieces squeezed when they are single and unwanted."""
    x, given = node.inputs[0], attrs(node)
    if x is None or not is_static(x):
        raise Unknown
    axis = given["axis"] % len(shape_of(x))
    whole = shape_of(x)[axis]
    sizes = np.ones(whole, np.int64)
    keep = bool(given["keepdims"])
    if operand(node, 1) is not None:
        array, keep = constant(node.inputs[1]), True
        if array is None:
            raise Unknown
        step = int(array.reshape(-1)[0])
        rest = [whole % step] if array.ndim == 0 and whole % step else []
        sizes = array if array.ndim else np.array([step] * (whole // step) + rest, np.int64)

    def make(out: Builder) -> list[Value]:
        parts = out.node("Split", [x, sizes.astype(np.int64)], outputs=len(sizes), axis=axis)
        parts = [parts] if len(sizes) == 1 else list(parts)
        return parts if keep else [out.Squeeze(p, np.array([axis])) for p in parts]

    made: list[Value] = r.build(node, make)
    return made


def join(r: Resolver, node: Node) -> Value:
    """ConcatFromSequence is Concat, along a new axis when asked for."""
    items, given = r.items(node), attrs(node)
    axis = given["axis"]
    if not items:
        raise Unknown

    def make(out: Builder) -> Value:
        parts: list[Value] = items
        if given["new_axis"]:
            parts = [out.Unsqueeze(v, np.array([axis])) for v in items]
        joined: Value = out.Concat(*parts, axis=axis)
        return joined

    made: Value = r.build(node, make)
    return made


def optional(r: Resolver, node: Node) -> Value | list[Value]:
    """An Optional of a value is the value; so is what is taken out of it."""
    if not node.inputs or node.inputs[0] is None:
        raise Unknown
    found = r.lists.get(node.inputs[0])
    return node.inputs[0] if found is None else found


def has_element(r: Resolver, node: Node) -> Value:
    """Say whether an optional has a value: not when it is omitted."""
    value = node.inputs[0] if node.inputs else None
    there = value is not None
    if value is not None and is_optional(value) and value not in r.lists:
        maker = value.producer()
        if maker is None or maker.op_type != "Optional":
            raise Unknown
        there = False  # an Optional of something has become that
    made: Value = r.build(node, lambda out: out.Identity(np.array(there)))
    return made


def identity(r: Resolver, node: Node) -> Value | list[Value]:
    """A copy of a sequence is the sequence, that of an Optional what it is of."""
    value = node.inputs[0]
    assert value is not None
    return value if is_optional(node.outputs[0]) else r.items(node)


def is_optional(value: Value) -> bool:
    """Say whether a value may be left out, by its type."""
    return isinstance(value.type, ir.OptionalType)


RESOLVE: dict[str, Callable[[Resolver, Node], Value | list[Value]]] = {
    "SequenceEmpty": lambda r, node: [],
    "SequenceConstruct": construct,
    "SequenceInsert": insert,
    "SequenceErase": erase,
    "SequenceAt": at,
    "SequenceLength": length,
    "SplitToSequence": split,
    "ConcatFromSequence": join,
    "Optional": optional,
    "OptionalGetElement": optional,
    "OptionalHasElement": has_element,
    "Identity": identity,
}
