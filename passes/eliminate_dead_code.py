"""Dead code elimination."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.ir import Model, discard
from mmc.pass_manager import Pass
from mmc.values import every_node


@dataclass(frozen=True)
class EliminateDeadCode(Pass):
    """Remove nodes, constants and functions that no output of the model depends on."""

    name = "eliminate-dead-code"

    def run(self, model: Model) -> int:
        """Return the number of nodes and constants removed; inputs stay: they are the contract."""
        graph = model.graph
        removed = 0
        for node in reversed(graph):
            if not any(value.uses() or value.is_graph_output() for value in node.outputs):
                discard(node)
                removed += 1
        for name, value in list(graph.initializers.items()):
            if not value.uses() and not value.is_graph_output():
                del graph.initializers[name]
                removed += 1
        if model.functions:
            called = {(node.domain, node.op_type, node.overload) for node in every_node(graph)}
            for key in [key for key in model.functions if key not in called]:
                del model.functions[key]
        return removed
