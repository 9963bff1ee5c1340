"""Replace every node of another domain by its expansion."""

from __future__ import annotations

from typing import Any

import onnx
from onnx_ir import Graph, Model, Node

from mmc.builder import Builder, detach
from mmc.diagnostics import ModelError
from mmc.frontend.contrib.registry import CLASSICAL, DOMAIN, Call, NotExpandable, expansion_of
from mmc.frontend.protos import all_nodes
from mmc.inference import infer_node
from mmc.naming import fresh_name
from mmc.values import SOURCES, WHY_KEPT, attrs

EXPANDED = (DOMAIN, CLASSICAL)
SPELLED_STANDARD = frozenset({"SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization"})
"""Operators that ONNX Runtime's tools write without a domain, though ONNX has no such operator."""


def spell(proto: onnx.ModelProto) -> None:
    """Give contrib nodes their domain where it is left out, and declare it."""
    found = False
    for node in all_nodes(proto.graph):
        if node.op_type in SPELLED_STANDARD and node.domain in ("", "ai.onnx"):
            node.domain = DOMAIN
        found |= node.domain == DOMAIN
    if found and all(o.domain != DOMAIN for o in proto.opset_import):
        proto.opset_import.add(domain=DOMAIN, version=1)


def expand(model: Model) -> int:
    """Expand every contrib and classical node, in subgraphs too; returns how many there were.

    Raises:
        ModelError: MMC110 for a node in a form that has no expansion.
    """
    if not any(n.domain in EXPANDED for n in model.graph.all_nodes()):
        return 0
    count = _expand_graph(model.graph, model.graph)
    left = {n.domain for n in model.graph.all_nodes()}
    for domain in EXPANDED:
        if domain not in left:
            model.graph.opset_imports.pop(domain, None)
    return count


def _expand_graph(graph: Graph, main: Graph) -> int:
    """Walk in order, so that the inputs of every node have types when its turn comes."""
    count = 0
    for node in list(graph):
        for attribute in node.attributes.values():
            if attribute.type.name == "GRAPH":
                count += _expand_graph(attribute.as_graph(), main)
        if node.domain in EXPANDED and _replace(node, main):
            count += 1
        else:
            _type(node)
    return count


def _type(node: Node) -> None:
    if any(v.type is None or v.shape is None for v in node.outputs):
        infer_node(node)


def _replace(node: Node, main: Graph) -> bool:
    """Put the expansion before the node and let its values stand for the node's.

    Returns whether it did: a classical node without an expansion stays.
    """
    out = Builder()
    try:
        expansion = expansion_of(node.domain, node.op_type)
        if expansion is None:
            raise NotExpandable("mmc has no standard form of it")
        made = expansion(out, Call(node, attrs(node)))
    except NotExpandable as reason:
        detach(out.tape.nodes)
        if node.domain == CLASSICAL:
            node.metadata_props[WHY_KEPT] = str(reason)
            return False
        where = f"{DOMAIN} {node.op_type} {node.name!r}"
        fix = "export with standard operators only, without a runtime-specific optimizer"
        raise ModelError(
            "MMC110", where, "has no standard form", why=str(reason), fix=fix
        ) from reason
    _splice(out, node, main)
    values = list(made) if isinstance(made, (tuple, list)) else [made]
    for old, new in zip(node.outputs, values, strict=False):
        if new is not None:
            _substitute(old, new, node)
    graph = node.graph
    assert graph is not None
    graph.remove(node, safe=True)
    return True


def _splice(out: Any, node: Node, main: Graph) -> None:
    """Insert what was recorded before `node`; constants go to the main graph."""
    base = node.name or node.op_type
    for value in out.tape.initializers:
        value.name = fresh_name(main, base)
        main.register_initializer(value)
    for made in out.tape.nodes:
        made.name = fresh_name(main, base)
        made.metadata_props[SOURCES] = node.metadata_props.get(SOURCES, base)
        for value in made.outputs:
            value.name = fresh_name(main, base)
    graph = node.graph
    assert graph is not None
    graph.insert_before(node, out.tape.nodes)
    for made in out.tape.nodes:
        _type(made)


def _substitute(old: Any, new: Any, node: Node) -> None:
    """Let `new` stand for `old` under its name, through an Identity if it is not a new value."""
    if old.is_graph_output() and (new.producer() is None or new.is_graph_output()):
        copy = Node("", "Identity", [new], name=f"{node.name} {old.name}")
        copy.metadata_props.update(node.metadata_props)
        assert node.graph is not None
        node.graph.insert_before(node, copy)
        copy.outputs[0].type, copy.outputs[0].shape = new.type, new.shape
        new = copy.outputs[0]
    name = old.name
    output = old.is_graph_output()
    declared = old.type, old.shape
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    if output:
        old.name = None
        new.name = name
        new.type, new.shape = new.type or declared[0], new.shape or declared[1]
