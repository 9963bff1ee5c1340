"""Constant folding: compute now what does not depend on the model's inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from mmc.interpret import RANDOM, evaluate
from mmc.ir import (
    Array,
    Graph,
    Model,
    Node,
    Shape,
    TensorType,
    Value,
    attrs,
    constant,
    discard,
    is_static,
    shape_of,
)
from mmc.naming import fresh_name
from mmc.pass_manager import Pass
from mmc.passes.inline_if import inline_branch
from mmc.run_node import run_node
from mmc.shapes import infer_node

DEEPEST = 50
"""More large results than these in a row are computed one by one, not when the last is asked."""


@dataclass(frozen=True)
class FoldConstants(Pass):
    """Replace nodes whose results are known by constants, in one sweep; shapes follow at once.

    Known are Shape and Size of static values, and everything made of constants. A result that would
    grow the model by more than `max_growth_bytes` stays a node, but what follows still sees it.
    """

    name = "fold-constants"
    max_growth_bytes: int = 65536
    """A fold that adds more than this to the file is not written down."""
    max_float_growth_bytes: int | None = None
    """The same for floats only, where less is wanted: shapes hang on integers."""
    lowered: tuple[str, ...] | None = None
    """The operators of ONNX that can stay; results of others are written down at any size."""
    max_bytes: int = 1 << 28
    """Results larger than this are not even computed."""
    keep_quantized: bool = True
    """Leave DequantizeLinear of a constant: it is the form of a quantized weight."""

    def run(self, model: Model) -> int:
        """Return the number of nodes that became constants."""
        sweep = _Sweep(model.graph, self)
        for node in list(model.graph):
            sweep.visit(node)
        return sweep.changes


@dataclass
class _Sweep:
    graph: Graph
    options: FoldConstants
    changes: int = 0
    known: dict[Value, Array] = field(default_factory=dict)  # computed, too large to write down
    held: int = 0
    later: dict[Value, tuple[Node, int]] = field(default_factory=dict)
    """Too large to write down, computed when a small result asks; and how many more that takes."""
    changed: set[Value] = field(default_factory=set)

    def visit(self, node: Node) -> None:
        """Fold the node, or bring the types of its results up to date."""
        if node.graph is None:
            return
        if self.stale(node):
            before = [(v.type, v.shape) for v in node.outputs]
            infer_node(node)
            after = [(v.type, v.shape) for v in node.outputs]
            if before != after:
                self.changed.update(node.outputs)
        if node.op_type == "If" and (condition := self.value(node.inputs[0])) is not None:
            results = list(node.outputs)
            users = [use.node for v in results for use in v.uses()]
            for inner in inline_branch(node, condition):
                self.visit(inner)
            self.changed.update(v for u in users for v in u.inputs if v is not None)
            self.changes += 1
            return
        results_ = self.compute(node)
        if results_ is not None:
            self.store(node, results_)

    def stale(self, node: Node) -> bool:
        if any(v in self.changed for v in node.inputs if v is not None):
            return True
        return any(v.name and (v.type is None or not is_static(v)) for v in node.outputs)

    def value(self, value: Value | None) -> Array | None:
        if value is None:
            return None
        found = self.known.get(value)
        if found is None and value in self.later and self.held <= self.options.max_bytes:
            node, _ = self.later[value]
            results = self.evaluate(node)
            if results is None:
                return None
            self.hold(zip(node.outputs, results, strict=True))
            found = results[value.index() or 0]
        return constant(value) if found is None else found

    def is_known(self, value: Value | None) -> bool:
        """Say whether `value` has an answer, or would have; nothing is computed."""
        return value in self.known or value in self.later or constant(value) is not None

    def compute(self, node: Node) -> tuple[Array, ...] | None:
        """Return the results of a node if they are known now and of bearable size."""
        if node.op_type in ("Shape", "Size"):
            return _shape(node)
        if node.op_type in RANDOM or any(_is_graph(a) for a in node.attributes.values()):
            return None
        if node.op_type == "DequantizeLinear" and self.options.keep_quantized:
            return None
        if node.op_type == "Identity" and node.outputs[0].is_graph_output():
            return None
        if not all(v is None or self.is_known(v) for v in node.inputs):
            return None
        size = sum(_bytes(v) for v in node.outputs)
        if size > self.options.max_bytes:
            return None
        depth = 1 + max((self.later[v][1] for v in node.inputs if v in self.later), default=0)
        large = size - sum(_freed(node)) > self.most(node)
        if large and depth <= DEEPEST:
            self.later.update((v, (node, depth)) for v in node.outputs)
            return None
        return self.evaluate(node)

    def most(self, node: Node) -> int:
        """Return how many bytes the results of a node may add to the file."""
        lowered = self.options.lowered
        if lowered is not None and node.op_type not in lowered:
            return self.options.max_bytes
        floats = all(v.dtype is not None and v.dtype.is_floating_point() for v in node.outputs)
        less = self.options.max_float_growth_bytes
        most = self.options.max_growth_bytes
        return min(most, less) if floats and less is not None else most

    def evaluate(self, node: Node) -> tuple[Array, ...] | None:
        """Return the results of a node of known operands, None if ONNX does not allow them."""
        inputs = [self.value(v) for v in node.inputs]
        if any(x is None and v is not None for x, v in zip(inputs, node.inputs, strict=True)):
            return None
        try:
            found = evaluate(node, inputs)
        except (ValueError, IndexError, TypeError):  # not what ONNX allows: let a checker say so
            return None
        return run_node(node, inputs) if found is None else found

    def store(self, node: Node, results: tuple[Array, ...]) -> None:
        """Write the results down as constants, unless they are large; then only remember them."""
        used = [(v, x) for v, x in zip(node.outputs, results, strict=True) if _is_used(v)]
        grown = sum(x.nbytes for _, x in used) - sum(_freed(node))
        if grown > self.most(node):
            self.hold(used)
            return
        for value, data in used:
            self.replace(node, value, data)
        if not any(_is_used(v) for v in node.outputs):
            self.remove(node)
        self.changes += 1

    def remove(self, node: Node) -> None:
        """Remove the node, and at once the constants that only it read: they may be large."""
        read = dict.fromkeys(v for v in node.inputs if v is not None and v.is_initializer())
        discard(node)
        for value in read:
            if not _is_used(value):
                self.graph.initializers.pop(value.name or "", None)

    def hold(self, results: Iterable[tuple[Value, Array]]) -> None:
        """Remember results that are not written down, while there is room."""
        kept = [(v, x) for v, x in results if _is_used(v)]
        self.held += sum(x.nbytes for _, x in kept)
        if self.held <= self.options.max_bytes:
            self.known.update(kept)

    def replace(self, node: Node, old: Value, data: Array) -> None:
        """Let a new initializer stand for `old`; an output of the model stays an Identity of it."""
        new = _initializer(data, fresh_name(self.graph, old.name or node.op_type))
        self.graph.register_initializer(new)
        self.changed.add(new)
        if not old.is_graph_output():
            name = old.name
            old.replace_all_uses_with(new)
            del self.graph.initializers[new.name or ""]
            old.name, new.name = None, name
            self.graph.register_initializer(new)
            return
        identity = ir.Node("", "Identity", [new], name=fresh_name(self.graph, node.name or "fold"))
        identity.metadata_props.update(node.metadata_props)
        result, name = identity.outputs[0], old.name
        result.type, result.shape = new.type, new.shape
        self.graph.insert_before(node, identity)
        old.replace_all_uses_with(result, replace_graph_outputs=True)
        old.name, result.name = None, name
        for node, place in list(result.uses()):  # what reads it may be known now
            node.replace_input_with(place, new)


def _shape(node: Node) -> tuple[Array, ...] | None:
    value = node.inputs[0]
    if value is None or not is_static(value):
        return None
    dims = np.array(value.shape, np.int64)
    if node.op_type == "Size":
        return (np.array(dims.prod(), np.int64),)
    options = attrs(node)
    return (dims[options["start"] : options.get("end")],)


def _initializer(data: Array, name: str) -> Value:
    tensor = ir.Tensor(np.asarray(data), name=name)
    return Value(
        name=name, shape=Shape(data.shape), type=TensorType(tensor.dtype), const_value=tensor
    )


def _freed(node: Node) -> Iterable[int]:
    """Yield the bytes of the constants that nothing but this node reads."""
    for value in dict.fromkeys(v for v in node.inputs if v is not None and v.is_initializer()):
        if all(use.node is node for use in value.uses()) and not value.is_graph_output():
            tensor = value.const_value
            yield 0 if tensor is None else tensor.nbytes


def _bytes(value: Value) -> int:
    if value.dtype is None or not is_static(value):
        return 0
    return int(np.prod(shape_of(value), dtype=np.float64) * value.dtype.itemsize)


def _is_used(value: Value) -> bool:
    return bool(value.uses()) or value.is_graph_output()


def _is_graph(attribute: ir.Attr) -> bool:
    return attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
