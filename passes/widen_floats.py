"""Half precision becomes single: mobile CPUs do not compute in it, rules are written for one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from mmc.ir import SOURCES, Graph, Model, Node, Value, sources
from mmc.naming import fresh_name
from mmc.pass_manager import Contract, Pass
from mmc.values import WIDENED, every_node
from mmc.widening import SINGLE, widen, widen_attributes

HALVES = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)


@dataclass(frozen=True)
class WidenFloats(Pass):
    """Compute in float32 what the model computes in 16 bits; inputs and outputs keep their type.

    Weights that are only cast to float32 stay as they are stored.
    """

    name = "widen-floats"
    contract = Contract.LOSSY

    def run(self, model: Model) -> int:
        """Return the number of values that became float32."""
        if not any(computes(node) for node in every_node(model.graph)):
            return 0
        model.metadata_props[WIDENED] = "true"
        kept = frame(model.graph)
        for node in every_node(model.graph):
            if node not in kept:
                widen_attributes(node, HALVES)
        outer = {*model.graph.inputs, *model.graph.outputs}
        values = [v for g in model.graphs() for v in inner(g) if is_half(v) and v not in outer]
        for value in values:
            widen(value)
        return len(values)


def is_half(value: Value | None) -> bool:
    """Say whether a value is float16 or bfloat16."""
    return value is not None and value.dtype in HALVES


def computes(node: Node) -> bool:
    """Say whether a node does more with float16 than to cast it."""
    return node.op_type != "Cast" and any(map(is_half, (*node.inputs, *node.outputs)))


def frame(graph: Graph) -> set[Node]:
    """Put a Cast behind every input and before every output of float16; returns the Casts."""
    made: set[Node] = set()
    for value in graph.inputs:
        if is_half(value):
            cast = cast_of(graph, value, SINGLE)
            value.replace_all_uses_with(cast.outputs[0])
            cast.replace_input_with(0, value)
            graph.insert_before(graph[0], cast)
            made.add(cast)
    for index, value in enumerate(graph.outputs):
        if is_half(value):
            cast = cast_of(graph, value, value.dtype or SINGLE)
            name, value.name = value.name, fresh_name(graph, value.name or "")
            graph.outputs[index] = cast.outputs[0]
            cast.outputs[0].name = name
            graph.append(cast)
            made.add(cast)
    return made


def cast_of(graph: Graph, value: Value, to: ir.DataType) -> Node:
    """Return a Cast of a value, not yet in the graph."""
    node = ir.node("Cast", [value], {"to": int(to)}, name=fresh_name(graph, value.name or ""))
    reader = next((use.node for use in value.uses() if use.node is not node), value.producer())
    node.metadata_props[SOURCES] = "\n".join(sources(reader or node))
    made = node.outputs[0]
    made.name, made.shape = fresh_name(graph, value.name or ""), value.shape
    made.type = ir.TensorType(to)
    return node


def inner(graph: Graph) -> Iterator[Value]:
    """Yield the inputs, constants and results of one graph."""
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph:
        yield from node.outputs
