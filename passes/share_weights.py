"""Store equal constants once."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.ir import Model, Value, constant, digest
from mmc.pass_manager import Pass


@dataclass(frozen=True)
class ShareWeights(Pass):
    """Let initializers with equal type, shape and data share one value."""

    name = "share-weights"
    min_bytes: int = 0

    def run(self, model: Model) -> int:
        """Return the number of initializers that now read another's data."""
        first: dict[tuple[object, ...], list[Value]] = {}
        shared = 0
        for value in list(model.graph.initializers.values()):
            tensor = value.const_value
            if tensor is None or tensor.nbytes < self.min_bytes or value.is_graph_output():
                continue
            key = (tensor.dtype, tuple(tensor.shape.numpy()))
            first.setdefault(key, []).append(value)
        for group in first.values():
            if len(group) > 1:  # only what could be equal is read at all
                shared += _share(group)
        return shared


def _share(values: list[Value]) -> int:
    first: dict[str, Value] = {}
    shared = 0
    for value in values:
        data = constant(value)
        if data is None:
            continue
        keep = first.setdefault(digest(data), value)
        if keep is not value and value.uses():
            value.replace_all_uses_with(keep)
            shared += 1
    return shared
