"""Rewrite a graph so that chosen nodes work in the layouts of a field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from mmc.ir import SOURCES, Graph, Node, Value, constant, shape_of, sources
from mmc.layout.carriers import as_operand, transposed_by
from mmc.layout.field import Field
from mmc.layout.permutation import Perm, between, compose, identity, permuted
from mmc.layout.stored_names import StoredNames
from mmc.naming import fresh_name


@dataclass
class _Adoption:
    graph: Graph
    found: Field
    chosen: set[Node]
    stored: dict[Value, Perm] = field(default_factory=dict)
    dims: dict[Value, tuple[int, ...]] = field(default_factory=dict)
    names: dict[Value, str | None] = field(default_factory=dict)
    copies: dict[tuple[Value, Perm], Value] = field(default_factory=dict)
    holders: dict[Value, Value] = field(default_factory=dict)
    """Removed value -> the value that stands for it."""

    def run(self) -> None:
        idle: list[Node] = []
        touched = self.touched()
        for node in [node for node in self.graph if node in touched]:
            q = transposed_by(node)
            if q is not None:
                self.transpose(node, q, idle)
            elif node in self.chosen:
                self.carry(node)
            else:
                for position, value in enumerate(node.inputs):
                    if value in self.stored:
                        node.replace_input_with(position, self.get(value, None, node))
        self.outputs()
        for node in idle:
            self.bypass(node)

    def touched(self) -> set[Node]:
        """The nodes that may change: chosen ones, and those around a value of the field."""
        found = set(self.chosen)
        for value in self.found.layouts:
            found.update(use.node for use in value.uses())
            producer = value.producer()
            if producer is not None:
                found.add(producer)
        return found

    def shape(self, value: Value) -> tuple[int, ...]:
        """The shape of a value as the model writes it."""
        return self.dims.get(value) or shape_of(value)

    def carry(self, node: Node) -> None:
        """Let a node work in the field's layouts."""
        sides = self.found.nodes[node]
        carrier = self.found.carrier(node)
        assert carrier is not None
        operands = carrier.apply(node, sides)
        for position, value in enumerate(node.inputs):
            if value is None or position in operands:
                continue
            wanted = sides.inputs.get(position)
            if wanted is not None or value in self.stored:
                node.replace_input_with(position, self.get(value, wanted, node))
        for position, entries in operands.items():
            if position >= len(node.inputs):
                node.resize_inputs(position + 1)
            node.replace_input_with(position, self.constant(as_operand(entries), node.name or ""))
        for position, layout in sides.outputs.items():
            self.store(node.outputs[position], layout)

    def transpose(self, node: Node, q: Perm, idle: list[Node]) -> None:
        """Turn what the operand is stored in into what the result is stored in."""
        x, y = node.inputs[0], node.outputs[0]
        assert x is not None
        a = self.stored.get(x, identity(len(q)))
        b = self.found.layout(y) if node in self.chosen else identity(len(q))
        r = between(a, compose(q, b))
        copy = self.copies.setdefault((x, compose(a, r)), y)
        if copy is not y:
            node.replace_input_with(0, copy)
            r = identity(len(r))
        self.store(y, b)
        node.attributes.add(ir.AttrInt64s("perm", r))
        if r == identity(len(r)):
            idle.append(node)

    def store(self, value: Value, layout: Perm) -> None:
        """Note that `value` is now stored in `layout`; the name stays with the tensor it names."""
        if layout == identity(len(layout)):
            return
        self.stored[value] = layout
        self.dims[value] = shape_of(value)
        self.names[value] = value.name
        value.shape = ir.Shape(permuted(shape_of(value), layout))
        value.name = fresh_name(self.graph, value.name or "")

    def get(self, value: Value, wanted: Perm | None, reader: Node | None) -> Value:
        """Return `value` in layout `wanted` (None: as written), inserting what that takes."""
        layout = wanted or identity(len(self.shape(value)))
        stored = self.stored.get(value) or identity(len(self.shape(value)))
        array = constant(value)
        if layout == stored or (
            array is not None and array.size == 1 and len(layout) != array.ndim
        ):
            return value
        if (value, layout) in self.copies:
            return self.copies[value, layout]
        if array is not None:
            padded = array.reshape((1,) * (len(layout) - array.ndim) + array.shape)
            made = self.constant(np.ascontiguousarray(padded.transpose(layout)), value.name or "")
        elif len(layout) > len(stored):
            made = self.broadcast(value, layout, reader)
        else:
            made = self.insert(value, between(stored, layout), reader, self.names.get(value))
            self.names.pop(value, None)
        self.copies[value, layout] = made
        return made

    def broadcast(self, value: Value, layout: Perm, reader: Node | None) -> Value:
        """Give an operand of lower rank leading axes of size 1, then transpose it."""
        plain = self.get(value, None, reader)
        dims = (1,) * (len(layout) - len(self.shape(value))) + self.shape(value)
        node = ir.node("Reshape", [plain, self.constant(as_operand(dims), value.name or "")])
        self.place(node, dims, value, reader)
        return self.insert(node.outputs[0], layout, reader, None)

    def insert(self, value: Value, r: Perm, reader: Node | None, name: str | None) -> Value:
        node = ir.node("Transpose", [value], {"perm": list(r)})
        self.place(node, permuted(shape_of(value), r), value, reader)
        if name is not None:
            node.outputs[0].name = name
        return node.outputs[0]

    def place(self, node: Node, dims: Sequence[int], like: Value, reader: Node | None) -> None:
        """Put a new node in front of its reader (at the end for an output of the model)."""
        out = node.outputs[0]
        out.shape, out.type = ir.Shape(dims), like.type
        out.name = fresh_name(self.graph, like.name or "")
        producer = like.producer()
        origin = sources(producer) if producer is not None else ()
        node.name = fresh_name(self.graph, origin[0] if origin else node.op_type)
        node.metadata_props[SOURCES] = "\n".join(origin)
        if reader is None:
            self.graph.append(node)
        else:
            self.graph.insert_before(reader, node)

    def constant(self, array: np.ndarray, base: str) -> Value:
        name = fresh_name(self.graph, base)
        value = ir.Value(
            name=name,
            shape=ir.Shape(array.shape),
            type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
            const_value=ir.Tensor(array, name=name),
        )
        self.graph.register_initializer(value)
        return value

    def bypass(self, node: Node) -> None:
        """Remove a node whose result equals its operand, unless both ends have names to keep."""
        x, y = node.inputs[0], node.outputs[0]
        assert x is not None
        if y.is_graph_output():
            if x.producer() is None or x.is_graph_output():
                return
            name = y.name
            y.replace_all_uses_with(x, replace_graph_outputs=True)
            y.name, x.name = None, name
        else:
            y.replace_all_uses_with(x)
            self.holders[y] = x
        self.graph.remove(node, safe=True)

    def named(self) -> StoredNames:
        """Return the tensors that are now stored in another layout than their names say."""
        found = {}
        for value, layout in self.stored.items():
            holder, original = value, self.names.get(value)
            while holder in self.holders:
                holder = self.holders[holder]
            if original and holder.name:
                found[holder.name] = (original, layout)
        return found

    def outputs(self) -> None:
        """Outputs of the model keep the layout that the model gives them."""
        for position, value in enumerate(self.graph.outputs):
            if value in self.stored:
                self.graph.outputs[position] = self.get(value, None, None)


def adopt(graph: Graph, found: Field, chosen: set[Node]) -> StoredNames:
    """Let `chosen` nodes work in the layouts of `found`; all others see what they saw before.

    Returns the tensors whose layout changed.
    """
    adoption = _Adoption(graph, found, chosen)
    adoption.run()
    return adoption.named()
