"""The weights that became integers: what a report says of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from mmc.ir import Model, Node, shape_of, sources
from mmc.passes.quantize_weights import QUANTIZED


@dataclass(frozen=True)
class StoredWeight:
    """One weight. `error` is the relative squared error of its layer's output (GPTQ) or of itself.

    `block` is the inputs that share a scale, 0 for a whole channel; `bytes` are codes and scales.
    """

    name: str
    kind: str
    bits: int
    block: int
    method: str
    error: float
    bytes: int
    float_bytes: int


def stored_weights(model: Model) -> Iterator[StoredWeight]:
    """Yield the weights that `quantize-weights` made."""
    for node in model.graph:
        if text := node.metadata_props.get(QUANTIZED):
            yield stored_weight(node, json.loads(text))


def stored_weight(node: Node, note: dict[str, Any]) -> StoredWeight:
    """Return what a node's note says, with its bytes."""
    count, bits = prod(shape_of(node.inputs[0])), note["bits"]
    scales = sum(prod(shape_of(v)) * 4 for v in node.inputs[1:] if v is not None)
    names = sources(node)
    return StoredWeight(
        names[0] if names else str(node.name),
        note["class"],
        bits,
        note["block"],
        note["method"],
        note["error"],
        -(-count * bits // 8) + scales,
        count * 4,
    )
