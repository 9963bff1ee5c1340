"""Cut a part out of an ONNX model, between named tensors, with onnx-graphsurgeon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from mmc.diagnostics import ModelError
from mmc.files import check_output
from mmc.frontend.checks import check_types, checkable
from mmc.frontend.loading import read_proto
from mmc.ir import load
from mmc.printing import numbered
from mmc.saving import save_proto


@dataclass(frozen=True)
class Extracted:
    """What was cut out: the number of nodes, before and after, and the new model's signature."""

    nodes_before: int
    nodes: int
    inputs: list[str]
    outputs: list[str]


def extract(
    source: str | Path, output: str | Path, begin: Sequence[str] = (), end: Sequence[str] = ()
) -> Extracted:
    """Write the nodes between the tensors `begin` and `end` as a model of its own.

    Args:
        begin: tensors that become inputs, by name or by number (`%4` of `mmc show`); none: the
            model's own inputs. Inputs of the model that the part needs beside them stay inputs.
        end: tensors that become outputs; none: the model's own.
    Raises:
        ModelError: MMC101 to MMC111 if there is no model to read, MMC112 if the part takes or makes
            what is no number, MMC130 for an unknown name, MMC131 if nothing lies between, or a type
            is unknown.
    """
    check_output(Path(output))
    begin, end = named(source, begin), named(source, end)
    model = read_proto(source, whole=False)
    initializers = {t.name for t in model.graph.initializer}
    graph = gs.import_onnx(onnx.shape_inference.infer_shapes(model, data_prop=True))
    tensors = graph.tensors()
    before = len(graph.nodes)
    chosen = {name: find(tensors, graph, name, initializers) for name in (*begin, *end)}
    if end:
        graph.outputs = [chosen[name] for name in end]
    for name in begin:
        chosen[name].inputs.clear()
    own = [t for t in graph.inputs if t.name not in begin and t.name not in initializers]
    graph.inputs = [chosen[name] for name in dict.fromkeys(begin)] + own
    graph.cleanup(remove_unused_graph_inputs=False).toposort()
    settle(graph, begin, [t.name for t in graph.outputs])
    cut = gs.export_onnx(graph)
    cut.ir_version = model.ir_version
    check_types(cut.graph)
    check(cut, source)
    save_proto(cut, output)
    names = ([t.name for t in found] for found in (graph.inputs, graph.outputs))
    return Extracted(before, len(graph.nodes), *names)


def named(source: str | Path, tensors: Sequence[str]) -> list[str]:
    """Return tensors by name: `%4` is the one that `mmc show` calls so."""
    known = numbered(load(source)) if any(t.startswith("%") for t in tensors) else {}
    return [known.get(tensor, tensor) for tensor in tensors]


def find(tensors: dict[str, Any], graph: Any, name: str, initializers: set[str]) -> Any:
    """Return the tensor of this name; ModelError MMC130 with what it may have meant."""
    if name in tensors and name not in initializers:
        return tensors[name]
    if name in initializers:
        raise ModelError("MMC131", f"tensor {name!r}", "is a constant: nothing to cut there")
    node = next((n for n in graph.nodes if n.name == name), None)
    if node is not None:
        fix = f"its outputs: {', '.join(repr(t.name) for t in node.outputs)}"
        raise ModelError("MMC130", f"{name!r}", "is a node, not a tensor", fix=fix)
    close = get_close_matches(name, [*tensors, *(n.name for n in graph.nodes)], n=3, cutoff=0.5)
    fix = f"did you mean {', '.join(map(repr, close))}?" if close else "`mmc show` lists the nodes"
    raise ModelError("MMC130", f"{name!r}", "the model has no such tensor", fix=fix)


def settle(graph: Any, begin: Sequence[str], end: Sequence[str]) -> None:
    """Drop inputs that are not needed, and refuse a cut that is none (MMC131)."""
    made = {t.name for node in graph.nodes for t in node.outputs}
    read = {t.name for node in graph.nodes for t in node.inputs} | captured(graph)
    for name in end:
        if name not in made:
            raise ModelError("MMC131", f"tensor {name!r}", "is no result of the part cut out")
    idle = [name for name in begin if name not in read]
    if idle:
        listed = ", ".join(map(repr, idle))
        why = f"{', '.join(map(repr, end))} can be computed without"
        raise ModelError("MMC131", f"tensor {listed}", "does not lead to the outputs", why=why)
    graph.inputs = [t for t in graph.inputs if t.name in read]
    for tensor in (*graph.inputs, *graph.outputs):
        tensor.dtype = only_type(tensor) if tensor.dtype is None else tensor.dtype
        if tensor.dtype is None:
            what = "has no known type, so it cannot be an input or output"
            raise ModelError("MMC131", f"tensor {tensor.name!r}", what)


def only_type(tensor: Any) -> Any:
    """Return the type of a result that ONNX infers nothing of, where its operator has but one."""
    node = tensor.inputs[0] if tensor.inputs else None
    domain = "" if node is None else str(node.domain or "")
    if node is None or not onnx.defs.has(node.op, domain=domain):
        return None
    schema = onnx.defs.get_schema(node.op, domain=domain)
    index = min(node.outputs.index(tensor), len(schema.outputs) - 1)
    return np.float32 if {*schema.outputs[index].types} == {"tensor(float)"} else None


def captured(graph: Any) -> set[str]:
    """Return the names that branches and loop bodies read from outside."""
    found: set[str] = set()
    for node in graph.nodes:
        for inner in (a for a in node.attrs.values() if isinstance(a, gs.Graph)):
            found |= {t.name for n in inner.nodes for t in n.inputs} | captured(inner)
    return found


def check(model: onnx.ModelProto, source: str | Path) -> None:
    """Refuse to write what is not valid ONNX (MMC131)."""
    try:
        onnx.checker.check_model(checkable(model))
    except Exception as error:  # the checker raises its own types
        raise ModelError("MMC131", str(source), "the part is not valid", why=str(error)) from error
