"""Imports of third-party modules that wait until something in them is used.

onnx_ir loads sympy (0.3 s of CPU, 25 MB) for arithmetic on symbolic dimensions. The shapes of a
compile are numbers, so it is rarely needed; one attribute access loads it as if nothing had been.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

DEFERRED = frozenset({"sympy", "onnx_ir._symbolic_shapes"})


class Deferred:
    """Finds the modules of DEFERRED where they are, and gives them a loader that waits."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a deferred module, None for every other."""
        spec = PathFinder.find_spec(name, path, target) if name in DEFERRED else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def defer() -> None:
    """Let the modules of DEFERRED wait, in this process, from now on."""
    if Deferred not in sys.meta_path:
        sys.meta_path.insert(0, Deferred)
