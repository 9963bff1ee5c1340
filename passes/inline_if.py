"""Replace an `If` whose condition is constant by the branch it takes."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.ir import Array, Graph, Model, Node, Value, attrs, constant, discard
from mmc.naming import fresh_name
from mmc.pass_manager import Pass


@dataclass(frozen=True)
class InlineIf(Pass):
    """If(true, A, B) -> A;  If(false, A, B) -> B."""

    name = "inline-if"

    def run(self, model: Model) -> int:
        """Return the number of Ifs that were replaced; nested ones included."""
        changes = 0
        work = [node for node in model.graph if node.op_type == "If"]
        while work:
            node = work.pop()
            condition = constant(node.inputs[0])
            if condition is not None:
                work += [n for n in inline_branch(node, condition) if n.op_type == "If"]
                changes += 1
        return changes


def inline_branch(node: Node, condition: Array) -> list[Node]:
    """Move the taken branch's nodes before `node` and remove it; returns the moved nodes.

    A branch that returns a value of the outer graph or a constant gets an Identity, so that an
    output of the model keeps a node of its own.
    """
    graph = node.graph
    assert isinstance(graph, Graph)
    moved, results = move_branch(node, "then_branch" if condition.item() else "else_branch")
    for old, new in zip(node.outputs, results, strict=True):
        moved += _substitute(graph, node, old, new)
    discard(node)
    return moved


def move_branch(node: Node, which: str) -> tuple[list[Node], list[Value]]:
    """Move the nodes of a branch before `node`; returns them, and what the branch returns.

    Names that are taken outside are made unique.
    """
    graph = node.graph
    assert isinstance(graph, Graph)
    branch = attrs(node)[which]
    names = _names(graph)
    moved, results = list(branch), list(branch.outputs)
    branch.outputs.clear()
    for value in list(branch.initializers.values()):
        del branch.initializers[value.name]
        _rename(value, names, graph)
        graph.register_initializer(value)
    branch.remove(moved)
    for inner in moved:
        inner.name = fresh_name(graph, inner.name or inner.op_type)
        for value in inner.outputs:
            _rename(value, names, graph)
    graph.insert_before(node, moved)
    return moved, results


def _substitute(graph: Graph, node: Node, old: Value, new: Value) -> list[Node]:
    """Let `new` stand for `old`; returns the Identity that had to be made, if any."""
    made: list[Node] = []
    if old.is_graph_output() and (new.producer() is None or new.is_graph_output()):
        identity = Node("", "Identity", [new], name=fresh_name(graph, node.name or "If"))
        identity.metadata_props.update(node.metadata_props)
        new.shape, new.type = new.shape or old.shape, new.type or old.type
        result = identity.outputs[0]
        result.shape, result.type = new.shape, new.type
        graph.insert_before(node, identity)
        new, made = result, [identity]
    name, output = old.name, old.is_graph_output()
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    if output:
        old.name = None
        new.name = name
    return made


def _names(graph: Graph) -> set[str]:
    values = [*graph.inputs, *graph.initializers.values()]
    values += [v for n in graph for v in n.outputs]
    return {v.name for v in values if v.name}


def _rename(value: Value, names: set[str], graph: Graph) -> None:
    if value.name in names:
        value.name = fresh_name(graph, value.name or "value")
    if value.name:
        names.add(value.name)
