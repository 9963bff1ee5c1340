"""The ways in which `mmc reduce` makes a model smaller, each over numbered places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

Candidate = onnx.ModelProto | None
"""A smaller model, or None where nothing changes."""


@dataclass(frozen=True)
class Phase:
    """One way to shrink: how many places a model has for it, and applying it to some of them.

    `nested`: the first places count, and where some can go, fewer can: a bisection finds how many.
    """

    units: Callable[[onnx.ModelProto], int]
    apply: Callable[[onnx.ModelProto, Sequence[int]], Candidate]
    nested: bool = False


def valid(model: onnx.ModelProto) -> bool:
    """Say whether the model is valid ONNX whose shapes agree."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception:  # the checker and inference raise types of their own
        return False
    return bool(model.graph.node)


def copy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return an independent copy."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    return made


def tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop nodes, constants, inputs and types that nothing needs (in place)."""
    graph = model.graph
    needed = {output.name for output in graph.output}
    live = []
    for node in reversed(graph.node):
        live.append(bool(needed.intersection(node.output)))
        if live[-1]:
            needed.update(reads(node))
    keep(graph.node, live[::-1])
    made = {name for node in graph.node for name in node.output}
    for entries in (graph.initializer, graph.input):
        keep(entries, [entry.name in needed for entry in entries])
    keep(graph.value_info, [value.name in made for value in graph.value_info])
    return model


def keep(entries: Any, wanted: Sequence[bool]) -> None:
    """Delete from a repeated field the entries that are not wanted."""
    for index in reversed(range(len(wanted))):
        if not wanted[index]:
            del entries[index]


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """Yield what a node reads, also in its branches."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            for inner in graph.node:
                yield from reads(inner)
            yield from (output.name for output in graph.output)


def typed(model: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    """Return the types of all values, inferred anew."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    return {v.name: v for v in (*inferred.value_info, *inferred.output, *inferred.input)}


def nodes(model: onnx.ModelProto) -> int:
    """Return the number of nodes."""
    return len(model.graph.node)


def truncate(model: onnx.ModelProto, places: Sequence[int]) -> Candidate:
    """Cut off as many nodes at the end as there are places: what they read becomes the outputs."""
    return cut(model, range(nodes(model) - len(places), nodes(model)))


def behead(model: onnx.ModelProto, places: Sequence[int]) -> Candidate:
    """Cut off as many nodes at the start as there are places: what they made becomes inputs."""
    return cut(model, range(len(places)))


def cut(model: onnx.ModelProto, places: Sequence[int]) -> Candidate:
    """Remove nodes: what they made becomes inputs where still read, their operands outputs."""
    types, made = typed(model), copy(model)
    graph, gone = made.graph, set(places)
    removed = [n for i, n in enumerate(graph.node) if i in gone]
    lost = {name for node in removed for name in node.output if name}
    left = [n for i, n in enumerate(graph.node) if i not in gone]
    read = {name for node in left for name in reads(node)}
    produced = {name for node in left for name in node.output}
    outputs = [o for o in graph.output if o.name not in lost]
    if not outputs:
        ends = [n for node in removed for n in node.input if n in produced]
        outputs = [types[name] for name in dict.fromkeys(ends) if name in types]
    entries = [types.get(name) for name in sorted(lost & read)]
    if not left or not outputs or None in entries:
        return None
    chosen = [onnx.ValueInfoProto.FromString(o.SerializeToString()) for o in outputs]
    keep(graph.node, [i not in gone for i in range(len(graph.node))])
    del graph.output[:]
    graph.output.extend(chosen)
    graph.input.extend(entry for entry in entries if entry is not None)
    return made


def outputs(model: onnx.ModelProto) -> int:
    """Return the number of outputs."""
    return len(model.graph.output)


def drop_outputs(model: onnx.ModelProto, places: Sequence[int]) -> Candidate:
    """Remove outputs, but not the last one."""
    if len(places) >= outputs(model):
        return None
    made = copy(model)
    for place in reversed(places):
        del made.graph.output[place]
    return made


def bypass(model: onnx.ModelProto, places: Sequence[int]) -> Candidate:
    """Let the first operand of the same type stand for the result of each node."""
    types, made = typed(model), copy(model)
    names: dict[str, str] = {}
    for place in places:
        node = made.graph.node[place]
        for name in node.input:
            alike = name in types and node.output[0] in types
            if alike and types[name].type == types[node.output[0]].type:
                names[node.output[0]] = names.get(name, name)
                break
    ends = {output.name for output in made.graph.output}
    names = {old: new for old, new in names.items() if old not in ends}
    if not names:
        return None
    for node in made.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    return made


def dimensions(model: onnx.ModelProto) -> int:
    """Return the number of dimensions of all inputs."""
    return sum(len(v.type.tensor_type.shape.dim) for v in model.graph.input)


def smaller_inputs(model: onnx.ModelProto, places: Sequence[int]) -> Candidate:
    """Halve dimensions of the inputs; named ones become 1. Inner shapes are inferred anew."""
    made = copy(model)
    dims = [d for v in made.graph.input for d in v.type.tensor_type.shape.dim]
    before = [d.SerializeToString() for d in dims]
    for place in places:
        dims[place].dim_value = max(1, dims[place].dim_value // 2)
    if before == [d.SerializeToString() for d in dims]:
        return None
    del made.graph.value_info[:]
    for output in made.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        inferred = typed(made)
    except Exception:  # sizes that contradict each other
        return None
    for output in made.graph.output:
        output.CopyFrom(inferred[output.name])
    return made


def weights(model: onnx.ModelProto) -> int:
    """Return the number of constants."""
    return len(model.graph.initializer)


def plain_weights(model: onnx.ModelProto, places: Sequence[int]) -> Candidate:
    """Set float constants to 1 everywhere."""
    made, changed = copy(model), False
    for place in places:
        tensor = made.graph.initializer[place]
        floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)
        if tensor.data_type not in floats:
            continue
        array = numpy_helper.to_array(tensor)
        if array.size and (array != 1).any():
            tensor.CopyFrom(numpy_helper.from_array(np.ones_like(array), tensor.name))
            changed = True
    return made if changed else None


PHASES = (
    Phase(nodes, truncate, nested=True),
    Phase(nodes, behead, nested=True),
    Phase(nodes, cut),
    Phase(outputs, drop_outputs),
    Phase(nodes, bypass),
    Phase(dimensions, smaller_inputs),
    Phase(weights, plain_weights),
)
