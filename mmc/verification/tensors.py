"""The tensors inside a model: their names, and their values on given inputs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmc.ir import Model, save
from mmc.naming import FRESH
from mmc.staging import working_folder
from mmc.verification.casting import Array
from mmc.verification.evaluate import FLOAT_KINDS, Comparison, compare

BATCH_BYTES = 256 << 20
"""How many bytes of inner tensors are asked for in one run, about."""


def inner_names(model: Model) -> list[str]:
    """Return the names of what the nodes of the main graph compute, in order."""
    return [value.name for node in model.graph for value in node.outputs if value.name]


def base_name(name: str) -> str:
    """Return the user's name behind one that a rewrite made."""
    return name.partition(FRESH)[0]


def batches_of(
    names: Iterable[str], sizes: Mapping[str, int], limit: int = BATCH_BYTES
) -> Iterator[list[str]]:
    """Yield the names in groups of about `limit` bytes, by the sizes that are known."""
    batch: list[str] = []
    total = 0
    for name in names:
        batch.append(name)
        total += sizes.get(name, 0)
        if total >= limit:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def run_inner(
    model: Model,
    feeds: Mapping[str, Array],
    values: Sequence[str] = (),
    *,
    perturbed: int = 0,
) -> dict[str, Array]:
    """Return the outputs and the named inner values, from ONNX Runtime in a child process.

    Feeds and outputs are in the axis order that the model had when it was loaded, also after
    a pass let images enter and leave channels last.
    """
    with working_folder() as folder:
        path = folder / "model.onnx"
        save(model, path)
        return run_file(path, feeds, values, moved_axes(model), perturbed=perturbed)


def run_file(
    path: Path,
    feeds: Mapping[str, Array],
    values: Sequence[str] = (),
    moved: Mapping[str, list[int]] | None = None,
    *,
    perturbed: int = 0,
) -> dict[str, Array]:
    """Return what `run_inner` does, for a model in a file whose inputs were `moved`."""
    from mmc.verification.execute import execute
    from mmc.verification.reference import JOB

    moved = moved or {}
    given = {n: x.transpose(moved[n]) if n in moved else x for n, x in feeds.items()}
    run = execute(JOB, path, given, values=list(values), perturbed=perturbed, packed=False)
    return {
        n: x.transpose(np.argsort(moved[n])) if n in moved else x for n, x in run.outputs.items()
    }


def moved_axes(model: Model) -> dict[str, list[int]]:
    """Return how a pass permuted inputs and outputs of the model, by name."""
    from mmc.passes.to_nhwc import IO_LAYOUT

    found: dict[str, list[int]] = json.loads(model.metadata_props.get(IO_LAYOUT, "{}"))
    return found


def rounding_floors(plain: Mapping[str, Array], perturbed: Mapping[str, Array]) -> dict[str, float]:
    """Return how far rounding moves each float tensor, relative to its RMS."""
    floors = {}
    for name in plain.keys() & perturbed.keys():
        same_shape = plain[name].shape == perturbed[name].shape
        if plain[name].dtype.kind in FLOAT_KINDS and same_shape:
            found = compare(name, plain[name], perturbed[name])
            error = found.max_abs_error if found.zero_reference else found.relative
            floors[name] = error if math.isfinite(error) else 0.0
    return floors


def compared(
    reference: Mapping[str, Array], actual: Mapping[str, Array], order: Iterable[str]
) -> Iterator[Comparison]:
    """Yield the comparison of every tensor that both have in one shape, in `order`."""
    for name in order:
        if name in reference and name in actual and reference[name].shape == actual[name].shape:
            yield compare(name, reference[name], actual[name])
