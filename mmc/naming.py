"""Names for what a rewrite makes: unique in the model, and telling where they came from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from onnx_ir import Graph

from mmc.values import every_node

FRESH = "/mmc."
_COUNTER = "mmc.fresh_names"
_NUMBER = re.compile(re.escape(FRESH) + r"(\d+)")


def fresh_name(graph: Graph, base: str) -> str:
    """Return a name that nothing in the model has: `base` and a number of its own."""
    number: int = graph.meta.get(_COUNTER, -1)
    if number < 0:
        number = _first_free(graph)
    graph.meta[_COUNTER] = number + 1
    return f"{base.partition(FRESH)[0]}{FRESH}{number}"


def _first_free(graph: Graph) -> int:
    """Return a number above all that the model has already: mmc may have written it."""
    used = (int(found) for name in _names(graph) for found in _NUMBER.findall(name))
    return max(used, default=-1) + 1


def _names(graph: Graph) -> Iterator[str]:
    yield from (v.name or "" for v in (*graph.inputs, *graph.initializers.values()))
    for node in every_node(graph):
        yield node.name or ""
        yield from (v.name or "" for v in node.outputs)
