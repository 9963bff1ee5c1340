"""Find the scores behind an output of indices, so that ties can be told from errors."""

from __future__ import annotations

import os
from dataclasses import dataclass

import onnx

RANKERS = {"ArgMax": (0, 0), "ArgMin": (0, 0), "TopK": (1, -1)}
"""Ops that return indices: which output has them, and the default axis."""

RESHAPERS = frozenset(["Cast", "Identity", "Squeeze", "Unsqueeze", "Reshape", "Flatten"])


@dataclass(frozen=True)
class Scores:
    """The tensor that an op ranked along `axis`."""

    value: str
    axis: int


def scores_of(path: str | os.PathLike[str], output: str) -> Scores | None:
    """Return what was ranked to get this output of the ONNX model, or None if it is no ranking."""
    graph = onnx.load(path, load_external_data=False).graph
    makers = {name: node for node in graph.node for name in node.output if name}
    while output in makers:
        node = makers[output]
        if node.op_type in RANKERS:
            place, axis = RANKERS[node.op_type]
            given = {a.name: a.i for a in node.attribute}
            if node.output[place] != output:
                return None
            return Scores(node.input[0], given.get("axis", axis))
        if node.op_type not in RESHAPERS:
            return None
        output = node.input[0]
    return None
