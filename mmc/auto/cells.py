"""The child of `mmc.auto.sensitivities`: runs a model with one rounded weight at a time.

Every cell is a model of its own, so that ONNX Runtime optimizes it: four times as fast as one
session whose weights are inputs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from mmc.integers.calibration import prepared_samples
from mmc.ir import Array
from mmc.quant.encoding import encode
from mmc.quant.grids import grid_of
from mmc.quant.metrics import error_of

JOB = "mmc.auto.cells:job"
Done = dict[tuple[str, int], tuple[float, int]]
"""(weight, bits) -> (error, samples)."""


def read_done(file: Path) -> Done:
    """Return what was measured; a torn last line is none."""
    found: Done = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            name, bits, error, samples = json.loads(line)
        except ValueError:
            continue
        found[name, bits] = error, samples
    return found


def forget_torn(file: Path) -> None:
    """Leave whole lines only: what is written next must begin a line."""
    lines = [json.dumps([*cell, *figures]) + "\n" for cell, figures in read_done(file).items()]
    file.write_text("".join(lines))


def job(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    data: str,
    samples: int,
    inputs: list[list[Any]],
    cells: list[list[Any]],
    done: str,
) -> dict[str, Array]:
    """Be the child of `measured`: a line in `done` for every cell."""
    from mmc.verification.reference import open_quick

    fed = list(prepared_samples(data, samples, inputs))
    session = open_quick(path)
    expected = [session.run(None, one) for one in fed]
    model = onnx.load(path, load_external_data=False)
    with open(done, "a") as file:
        for name, axis, bits in cells:
            weight, moments = feeds[f"weight {name}"], feeds.get(f"moments {name}")
            changed = replaced(model, Path(path), name, rounded(weight, axis, bits, moments))
            session = open_quick(changed)
            errors = [
                error_of(right, session.run(None, one))
                for one, right in zip(fed, expected, strict=True)
            ]
            file.write(json.dumps([name, bits, float(np.mean(errors)), len(fed)]) + "\n")
            file.flush()
    return {}


def replaced(model: onnx.ModelProto, path: Path, name: str, made: Array) -> Path:
    """Write a model beside `path`, with whose weights it shares all but one; return its file."""
    tensor = next(t for t in model.graph.initializer if t.name == name)
    before = tensor.SerializeToString()
    tensor.CopyFrom(onnx.numpy_helper.from_array(made, name))
    changed = path.with_name(f"cell.{path.name}")
    changed.write_bytes(model.SerializeToString())
    tensor.ParseFromString(before)
    return changed


def rounded(weight: Array, axis: int, bits: int, moments: Array | None) -> Array:
    """Return the floats that a weight's integers stand for, in its shape."""
    moved = np.moveaxis(weight, axis, 0)
    rows = moved.reshape(len(moved), -1).astype(np.float32)
    values = encode(rows, grid_of(bits), 0, moments).values
    made = values.astype(np.float32).reshape(moved.shape)
    return np.ascontiguousarray(np.moveaxis(made, 0, axis))
