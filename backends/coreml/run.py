"""Evaluate a package on this machine: the jobs that verification and `mmc run` call."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmc.diagnostics import EmitError
from mmc.verification.casting import cast_exactly, check_names

from .evaluate import PRECISIONS, Evaluator
from .mil import STORED, Array, Named
from .package import Package, Picture, open_package


def run(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    precision: str = "float32",
    values: Sequence[str] = (),
) -> dict[str, Array]:
    """Return the outputs by their ONNX names where the package knows them, else by its own.

    Args:
        feeds: every input by the same names. An image is (1, C, H, W), or (1, H, W, C) or
            (H, W, C) with C last, of uint8 or float values 0 to 255. States may be given, else
            they begin as zeros.
        precision: "float32", or "float16" to round every float16 result as the engine does.
        values: inner values to return too, by their names in the program.
    Raises:
        EmitError: MMC403 if the feeds do not fit, MMC420 to MMC423 if the package cannot run.
    """
    if precision not in PRECISIONS:
        raise EmitError("MMC423", "precision", f"is {precision!r}, not {' or '.join(PRECISIONS)}")
    package = open_package(Path(path))
    evaluator = Evaluator(package.folder, package.function.opset, precision, frozenset(values))
    return call(path, package, evaluator, feeds)


def call(
    path: str | os.PathLike[str], package: Package, evaluator: Evaluator, feeds: Mapping[str, Array]
) -> dict[str, Array]:
    """Return what `run` does, of a package that is open."""
    names = onnx_names(package, "inputs")
    given = {names.get(v.name, v.name): v for v in package.function.inputs}
    feeds = {**empty_states(package, given), **feeds}
    check_names(str(path), set(feeds), set(given))
    fed = {v.name: fit(name, feeds[name], v, package) for name, v in given.items()}
    found = evaluator.call(package.function, fed)
    named = onnx_names(package, "outputs")
    kept = {name: as_array(value) for name, value in evaluator.kept.items()}
    outputs = {named.get(name, name): as_array(value) for name, value in found.items()}
    return kept | {name: in_onnx_shape(name, value, package) for name, value in outputs.items()}


def opened(
    path: str | os.PathLike[str], *, precision: str = "float32"
) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    """Return `run_model` of a package that is read once, and whose weights are unpacked once."""
    package = open_package(Path(path))
    evaluator = Evaluator(package.folder, package.function.opset, precision, unpacked={})

    def once(feeds: Mapping[str, Array]) -> dict[str, Array]:
        found = call(path, package, evaluator, feeds)
        return {name: value for name, value in found.items() if name not in package.classifier}

    return once


def run_model(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    precision: str = "float32",
    values: Sequence[str] = (),
) -> dict[str, Array]:
    """Do the same, for verification: without the names of classes, which the model has not."""
    found = run(path, feeds, precision=precision, values=values)
    named = open_package(Path(path)).classifier
    return {name: value for name, value in found.items() if name not in named}


def empty_states(package: Package, given: Mapping[str, Named]) -> dict[str, Array]:
    """Return zeros for every state."""
    states = {name: v.type for name, v in given.items() if v.name in package.states}
    return {
        n: np.zeros(kind.shape, STORED.get(kind.kind, np.float32)) for n, kind in states.items()
    }


def in_onnx_shape(name: str, value: Array, package: Package) -> Array:
    """Return an output in the shape of the ONNX model: Core ML has no scalars, mmc's models do."""
    shape = package.signature.get("shapes", {}).get(name)
    return value.reshape(()) if shape == [] and value.size == 1 else value


def onnx_names(package: Package, side: str) -> Mapping[str, str]:
    """Return Core ML name -> ONNX name."""
    found: Mapping[str, str] = package.signature.get(side, {})
    return found


def as_array(value: Any) -> Array:
    """Return an output that a file can hold: strings and lists of them too."""
    return np.asarray(value)


def fit(name: str, value: Array, wanted: Named, package: Package) -> Array:
    """Return a feed in the input's type and layout; raises EmitError MMC403."""
    picture = package.pictures.get(wanted.name)
    if picture is not None:
        value = channels_first(value, picture)
    if wanted.type.kind not in STORED:
        raise EmitError("MMC423", f"input {name!r}", f"has the type {wanted.type.kind.lower()}")
    shape, declared = wanted.type.shape, STORED[wanted.type.kind]
    fits = len(shape) == value.ndim and all(
        w in (-1, g) for w, g in zip(shape, value.shape, strict=False)
    )
    if shape == (1,) and value.ndim == 0:  # Core ML has no scalars as inputs
        value, fits = value.reshape(1), True
    if not fits:
        raise EmitError("MMC403", f"input {name!r}", f"has shape {value.shape}, expected {shape}")
    allowed = package.declared.get(wanted.name)
    if allowed and not allowed.takes(value.shape):
        what = f"has shape {value.shape}; the package takes {allowed}"
        raise EmitError("MMC403", f"input {name!r}", what)
    wide = np.dtype(np.float32) if declared.kind == "f" else declared
    if value.dtype.kind == "b" and wide.kind in "iu":
        value = value.astype(wide)
    return cast_exactly(name, value, wide)


def channels_first(value: Array, picture: Picture) -> Array:
    """Return an image as (1, C, H, W) of floats; blue comes first in a BGR image."""
    channels = 1 if picture.color.startswith("GRAYSCALE") else 3
    if value.ndim == 3:
        value = value[None]
    first = value.ndim == 4 and value.shape[1] == channels
    if not first and value.ndim == 4 and value.shape[-1] == channels:
        value = value.transpose(0, 3, 1, 2)
    return value.astype(np.float32)
