"""Which tensors share memory, whatever the order of the operators."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from mmc.schedule.graph import Graph, Op

SCALAR_BYTES = 4


@dataclass(frozen=True)
class Storage:
    """`root[t]` is the tensor that owns the memory of t; tensors without an entry own their own."""

    root: dict[int, int]
    in_place: int
    views: int

    def of(self, tensor: int) -> int:
        """Return the tensor that owns the memory of `tensor`."""
        return self.root.get(tensor, tensor)


def share(graph: Graph) -> Storage:
    """Let outputs take the memory of inputs that nobody else reads, and views that of their data.

    An operator overwrites an input that it alone reads and that is as large as its output, so the
    sharing holds in every order. What the caller owns is neither overwritten nor shown in views,
    and an output of the graph has its own memory. These are the rules of TFLite's ArenaPlanner;
    like there, scalars are not worth sharing.
    """
    uses = Counter(t for op in graph.ops for t in op.inputs)
    uses.update(graph.outputs)
    root: dict[int, int] = {}
    counts = {"in_place": 0, "views": 0}
    for op in graph.ops:
        owner = _view(graph, op, root)
        kind = "views"
        if owner is None:
            owner, kind = _overwritten(graph, op, root, uses), "in_place"
        if owner is not None and op.outputs[0] not in graph.outputs:
            root[op.outputs[0]] = owner
            counts[kind] += 1
    return Storage(root, **counts)


def _view(graph: Graph, op: Op, root: dict[int, int]) -> int | None:
    shown = op.view_of
    if shown is None or shown not in graph.producers:
        return None
    owner = root.get(shown, shown)
    return owner if graph.sizes[owner] == graph.sizes[op.outputs[0]] else None


def _overwritten(graph: Graph, op: Op, root: dict[int, int], uses: Counter[int]) -> int | None:
    for tensor in op.overwrites:
        size, owner = graph.sizes[tensor], root.get(tensor, tensor)
        alone = uses[tensor] == 1 and uses[owner] == 1 and tensor in graph.producers
        if alone and size == graph.sizes[op.outputs[0]] and size > SCALAR_BYTES:
            return owner
    return None
