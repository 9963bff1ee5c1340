"""Which ranges of activations are clipped: those whose outliers the model's outputs do not need.

`--outliers auto`. Each range is tried on its own, as it is and narrower: the values between are
rounded as codes would be, everything else stays float, and the error at the model's outputs
decides. What was chosen is then tried together against no clipping at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmc.integers.calibration import Data, prepared_samples, signature
from mmc.integers.integer_ranges import Range
from mmc.integers.rounded_runs import RoundedRuns, round_values
from mmc.ir import Array, Model
from mmc.joined_outputs import save_by_parts
from mmc.staging import working_folder

JOB = "mmc.integers.clipping:job"
SAMPLES = 16
"""Samples that an error is the mean of."""
LEAST_GAIN = 0.6
"""A narrower range must bring the error below so much of the exact range's: less is chance."""


def by_output_error(
    model: Model, data: Data, bits: int, ranges: Mapping[str, Sequence[Range]]
) -> dict[str, Range]:
    """Return the best range of each value that has several.

    Args:
        model: as its weights are shipped, its activations float.
        ranges: by value, the exact range in front, then ever narrower ones. Values that share a
            scale have equal ones.
    """
    from mmc.verification.execute import execute

    groups: dict[tuple[Range, ...], list[str]] = {}
    for name, some in ranges.items():
        if len(some) > 1:
            groups.setdefault(tuple(some), []).append(name)
    if not groups:
        return {}
    with working_folder() as folder:
        path = folder / "model.onnx"
        save_by_parts(model, path)
        found = execute(
            JOB,
            path,
            {},
            data=data.source,
            samples=min(SAMPLES, data.samples),
            inputs=signature(model),
            groups=[[names, some] for some, names in groups.items()],
            bits=bits,
        ).outputs
    picked = json.loads(str(found["picked"]))
    return {
        n: some[i] for (some, names), i in zip(groups.items(), picked, strict=True) for n in names
    }


def job(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    data: str,
    samples: int,
    inputs: list[list[Any]],
    groups: list[tuple[list[str], list[Range]]],
    bits: int,
) -> dict[str, Array]:
    """Be the child of `by_output_error`: return the place of the best range of every group."""
    from mmc.verification.reference import open_session

    round_values(Path(path), [names for names, _ in groups])
    session = open_session(path, 0, [], 2, packed=True)
    runs = RoundedRuns(session, list(prepared_samples(data, samples, inputs)), bits)
    picked = []
    for i, (_, some) in enumerate(groups):
        errors = [runs.error({i: some[0]})]
        while len(errors) < len(some) and errors[-1] <= errors[0]:
            errors.append(runs.error({i: some[len(errors)]}))
        best = int(np.argmin(errors))
        picked.append(best if errors[best] < LEAST_GAIN * errors[0] else 0)
    none = [0] * len(groups)
    clipped, exact = (
        runs.error({i: groups[i][1][place] for i, place in enumerate(places)})
        for places in (picked, none)
    )
    kept = picked if clipped < exact else none
    return {"picked": np.array(json.dumps(kept))}
