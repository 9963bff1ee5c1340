"""manifest.toml as dataclasses, and the stored arrays of each model."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from mmc.diagnostics import UsageError
from mmc.ir import Array

FOLDER = Path(__file__).parent
LIMIT = 50_000  # elements of an expected output stored in full: 200 KB of float32


@dataclass(frozen=True)
class GoldenModel:
    """One entry of manifest.toml.

    Exactly one of `file` (relative to this folder) and `wheel` + `member` is given. `shapes` are
    to compile with; `inputs` is what the file declares: dtype first, then dimensions.
    """

    name: str
    task: str
    source: str
    licence: str
    sha256: str
    bytes: int
    opset: int
    nodes: int
    inputs: dict[str, list[int | str]]
    shapes: dict[str, list[int]]
    sample: str
    expected: str
    accuracy: str
    measured_on: str
    file: str = ""
    wheel: str = ""
    member: str = ""
    note: str = ""


@cache
def models() -> tuple[GoldenModel, ...]:
    """Return every model of the manifest, in its order."""
    entries = tomllib.loads((FOLDER / "manifest.toml").read_text("utf-8"))["model"]
    return tuple(GoldenModel(**entry) for entry in entries)


def find(name: str) -> GoldenModel:
    """Return the model called `name`.

    Raises:
        UsageError: MMC130, if there is none; the message lists all names.
    """
    for model in models():
        if model.name == name:
            return model
    known = ", ".join(model.name for model in models())
    raise UsageError("MMC130", name, "is not a golden model", fix=f"choose one of: {known}")


def sample(name: str) -> dict[str, Array]:
    """Return a real input: ONNX input name -> array in the compile shape."""
    return read_npz(FOLDER / find(name).sample)


def expected(name: str) -> dict[str, Array]:
    """Return `thin` of each output of ONNX Runtime (optimizer off) for the sample."""
    return read_npz(FOLDER / find(name).expected)


def thin(output: Array) -> Array:
    """Return the output, or every k-th of its flattened elements if there are more than LIMIT.

    k = ceil(size / LIMIT), made odd so that it does not beat with the usual power-of-two axes.
    """
    if output.size <= LIMIT:
        return output
    return output.reshape(-1)[:: -(-output.size // LIMIT) | 1]


def read_npz(file: Path) -> dict[str, Array]:
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}
