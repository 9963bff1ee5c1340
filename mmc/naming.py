"""Names for what a rewrite makes: unique in the model, and telling where they came from."""

from __future__ import annotations

from onnx_ir import Graph

FRESH = "/mmc."
_COUNTER = "mmc.fresh_names"


def fresh_name(graph: Graph, base: str) -> str:
    """Return a name that nothing in the model has: `base` and a number of its own."""
    number: int = graph.meta.get(_COUNTER, 0)
    graph.meta[_COUNTER] = number + 1
    return f"{base.partition(FRESH)[0]}{FRESH}{number}"
