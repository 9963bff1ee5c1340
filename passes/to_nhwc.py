"""Channels last."""

from __future__ import annotations

import json
from dataclasses import dataclass

import onnx_ir as ir

from mmc.ir import Model, Value, shape_of
from mmc.naming import fresh_name
from mmc.passes.rules.channels_last import TO_FIRST, TO_LAST
from mmc.rule_pass import RulePass

IO_LAYOUT = "mmc.io_layout"
"""Metadata of a model: which inputs and outputs have which axis order, as JSON {name: perm}."""


@dataclass(frozen=True)
class ToNhwc(RulePass):
    """Rewrite convolutions, pools and resizes to their channels-last forms between transposes.

    `assign-layout` then removes all transposes but those that the model's own inputs and outputs
    force; with `io-layout=nhwc` images enter and leave channels last.
    """

    name = "to-nhwc"
    stage = "nhwc"
    io_layout: str = "keep"

    def run(self, model: Model) -> int:
        """Return the number of operators and model inputs and outputs rewritten."""
        changes = super().run(model)
        if self.io_layout == "nhwc":
            changes += _boundary(model)
        return changes


def _boundary(model: Model) -> int:
    """Let every image (rank 4 or 5) enter and leave channels last."""
    graph = model.graph
    perms: dict[str, list[int]] = json.loads(model.metadata_props.get(IO_LAYOUT, "{}"))
    todo = [v for v in (*graph.inputs, *graph.outputs) if v.name not in perms]
    images = [v for v in todo if len(shape_of(v)) in TO_LAST]
    for value in images:
        perms[value.name or ""] = TO_LAST[len(shape_of(value))]
        (_enter if value.is_graph_input() else _leave)(model, value)
    if images:
        model.metadata_props[IO_LAYOUT] = json.dumps(perms)
    return len(images)


def _enter(model: Model, value: Value) -> None:
    graph, dims = model.graph, shape_of(value)
    outer = ir.Value(
        name=value.name, type=value.type, shape=ir.Shape(dims[:1] + dims[2:] + dims[1:2])
    )
    inner = ir.node("Transpose", [outer], {"perm": TO_FIRST[len(dims)]})
    inner.name = fresh_name(graph, value.name or "")
    made = inner.outputs[0]
    made.type, made.shape = value.type, value.shape
    made.name = fresh_name(graph, value.name or "")
    value.replace_all_uses_with(made)
    graph.inputs[list(graph.inputs).index(value)] = outer
    first = graph[0] if len(graph) else None
    if first is None:
        graph.append(inner)
    else:
        graph.insert_before(first, inner)


def _leave(model: Model, value: Value) -> None:
    graph, dims = model.graph, shape_of(value)
    outer = ir.node("Transpose", [value], {"perm": TO_LAST[len(dims)]})
    outer.name = fresh_name(graph, value.name or "")
    made = outer.outputs[0]
    made.type, made.shape = value.type, ir.Shape(dims[:1] + dims[2:] + dims[1:2])
    graph.append(outer)
    graph.outputs[list(graph.outputs).index(value)] = made
    made.name, value.name = value.name, fresh_name(graph, value.name or "")
