"""Where numbers first leave float16's range in a package: what is said of infinite outputs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .evaluate import Evaluator
from .mil import Array, Operation, Type
from .package import open_package
from .run import call


class Watch(Evaluator):
    """Rounds as the engine does, and keeps the first operation that makes infinity of numbers."""

    def __init__(self, folder: Path, opset: int) -> None:
        super().__init__(folder, opset, "float16")
        self.here = "an input"
        self.first: dict[str, Array] = {}

    def operation(self, op: Operation, values: dict[str, Any]) -> list[Any]:
        """Compute an operation, which is the place of what is stored meanwhile."""
        self.here = op.where
        return super().operation(op, values)

    def store(self, value: Any, kind: Type) -> Any:
        """Store a result, and look for what became infinite by that."""
        stored = super().store(value, kind)
        if kind.kind == "FLOAT16" and not self.first:
            lost = np.isinf(stored) & np.isfinite(value)
            if lost.any():
                self.first[self.here] = np.abs(np.asarray(value)[lost]).max()
        return stored


def overflow(path: str | os.PathLike[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Return the first operation with results beyond float16, and the largest; or nothing."""
    package = open_package(Path(path))
    watch = Watch(package.folder, package.function.opset)
    call(path, package, watch, feeds)
    return {where: np.asarray(largest) for where, largest in watch.first.items()}
