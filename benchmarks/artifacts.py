"""What any converter made: its operators, by our own readers, and how far off its outputs are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from mmc.backends.coreml import reader as coreml
from mmc.backends.coreml import run as coreml_run
from mmc.backends.coreml.package import open_package
from mmc.backends.tflite import reader as tflite
from mmc.backends.tflite.run import JOB
from mmc.diagnostics import MmcError
from mmc.values import Array
from mmc.verification.execute import execute


class Artifact:
    """What a compiler made: its operators, and what it computes."""

    def __init__(self, path: Path) -> None:
        """Look at it when asked."""
        self.path = path

    @cached_property
    def codes(self) -> list[str] | None:
        """Its operators' codes; None where nothing reads it."""
        if self.path.suffix == ".tflite":
            return [op.code for op in tflite.read(self.path).operators]
        if self.path.suffix == ".mlpackage":
            return [op.code for op in coreml.read(self.path).computing()]
        return None

    def interface(self) -> tuple[dict[str, tuple[int, ...]], list[str]]:
        """Return the shapes of its inputs, and the names of its outputs."""
        if self.path.suffix == ".tflite":
            program = tflite.read(self.path)
            shapes = {n: tuple(program.tensors[i].shape) for n, i in program.inputs}
            return shapes, [n for n, _ in program.outputs]
        package = open_package(self.path)
        names = [coreml_run.onnx_names(package, side) for side in ("inputs", "outputs")]
        function = package.function
        shapes = {names[0].get(v.name, v.name): tuple(v.type.shape) for v in function.inputs}
        return shapes, [names[1].get(name, name) for name in function.body.outputs]

    def error(self, feeds: Mapping[str, Array], wanted: Mapping[str, Array]) -> float:
        """Return the largest error of any output over its largest magnitude; NaN: it does not run.

        A peer may rename inputs and outputs and turn their layout; they are then taken in order,
        and an output in the layout that agrees better.
        """
        if self.codes is None:
            return float("nan")
        shapes, names = self.interface()
        given = dict(zip(feeds, shapes, strict=True)) | {n: n for n in shapes if n in feeds}
        turned = {given[n]: channels_last(a, shapes[given[n]]) for n, a in feeds.items()}
        job = JOB if self.path.suffix == ".tflite" else "mmc.backends.coreml.run:run"
        try:
            found = execute(job, self.path, turned).outputs
        except (MmcError, ValueError):
            return float("nan")
        order = [found[n] for n in names]
        pairs = [(w, found.get(n, order[i])) for i, (n, w) in enumerate(wanted.items())]
        return max(distance(w, f) for w, f in pairs)


def channels_last(array: Array, shape: tuple[int, ...]) -> Array:
    """Return the array with axis 1 moved last if only so it has the shape."""
    return array if array.shape == shape or array.ndim < 3 else np.moveaxis(array, 1, -1)


def distance(wanted: Array, found: Array) -> float:
    """Return max |wanted - found| / max |wanted|, in the better of two layouts."""
    forms = [found] + ([np.moveaxis(found, -1, 1)] if found.ndim > 2 else [])
    scale = float(np.abs(wanted.astype(np.float64)).max(initial=0)) or 1.0
    gaps = [np.abs(wanted.astype(np.float64) - f) for f in forms if f.shape == wanted.shape]
    return min((float(g.max(initial=0)) / scale for g in gaps), default=float("inf"))
