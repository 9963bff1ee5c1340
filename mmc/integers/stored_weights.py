"""The weights that became integers, and those that did not: what a report says of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from mmc.integers.layers import Layer, layers_of, shared
from mmc.integers.weight_codes import QUANTIZED
from mmc.ir import Model, Node, shape_of, sources


@dataclass(frozen=True)
class StoredWeight:
    """One weight. `error` is the relative squared error of its layer's output (GPTQ) or of itself.

    `block` is the inputs that share a scale, 0 for a whole channel; `bytes` are codes and scales.
    `method` "float" is a layer that has no codes: too small for them, or as a rule says.
    """

    name: str
    kind: str
    bits: int
    block: int
    method: str
    error: float
    bytes: int
    float_bytes: int


def stored_weights(model: Model, float_bits: int = 32) -> Iterator[StoredWeight]:
    """Yield the weights that `quantize-weights` made, then those that it left float.

    Nothing where it made none: an artifact of floats has no widths to tell.
    """
    made = [(n, n.metadata_props[QUANTIZED]) for n in model.graph if QUANTIZED in n.metadata_props]
    yield from (stored_weight(node, json.loads(text)) for node, text in made)
    if made:
        yield from (left_float(group[0], float_bits) for group in shared(layers_of(model.graph)))


def left_float(layer: Layer, bits: int) -> StoredWeight:
    """Return what there is to say of a weight that stayed float."""
    names, count = sources(layer.node), prod(shape_of(layer.value))
    name = names[0] if names else str(layer.node.name)
    return StoredWeight(name, str(layer.kind), bits, 0, "float", 0.0, count * bits // 8, count * 4)


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
