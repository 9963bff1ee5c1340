"""What a model of the zoo is.

A model is ONNX text; names that it reads and does not define are weights: (shape) draws floats,
an array stands for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmc.ir import parse, save


@dataclass(frozen=True)
class Net:
    """A model: its text, its weights and the dimensions that a user would bind."""

    text: str
    weights: dict[str, Any]
    dims: dict[str, int] = field(default_factory=dict)
    opset: int = 17

    def write(self, path: Path) -> None:
        """Write the model, with weights scaled so that signals neither vanish nor explode."""
        rng = np.random.default_rng(11)
        arrays = {}
        for name, given in self.weights.items():
            if isinstance(given, tuple):
                fan = max(int(np.prod(given[1:])), 1) if len(given) > 1 else 4
                given = (rng.standard_normal(given) / np.sqrt(fan)).astype(np.float32)
            arrays[name] = np.asarray(given)
        head = f'<ir_version: 8, opset_import: ["" : {self.opset}]> net '
        save(parse(head + self.text, **arrays), path)


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


def number(value: int) -> Any:
    return np.array(value, np.int64)
