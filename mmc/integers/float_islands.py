"""Which activations stay float where a processor computes floats as well: the few that codes ruin.

In most networks a handful of tensors makes most of the error of 8-bit activations: the first
map, a row of attention, a channel far beyond the others. Each scale is rounded alone, everything
else float, and the error at the model's outputs says what it costs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmc.integers.activation_scales import Range, Scales, activations
from mmc.integers.calibration import Data, prepared_samples, signature
from mmc.integers.rounded_runs import RoundedRuns, round_values
from mmc.ir import Array, Model, Node, Value, save
from mmc.quant.ranges import Affine
from mmc.remembered import key_of_run, remembered
from mmc.staging import working_folder

JOB = "mmc.integers.float_islands:job"
SAMPLES = 2
"""Samples that an error is the mean of."""
MANY_TIMES = 4.0
"""A scale is costly that makes so many times the error that it would if all made the same."""
GOOD = 1e-5
"""Nothing is costly where all scales together make less error: 50 dB."""


def islands(
    model: Model, data: Data, scales: Scales, ranges: Mapping[Value, Range], nodes: Sequence[Node]
) -> set[Node]:
    """Return the operators that stay float: those that read or make a costly value.

    Args:
        model: as its weights are shipped, its activations float.
        ranges: of the scales that no kernel dictates, by what stands for all who share it.
        nodes: the operators that would compute on codes.
    """
    known = {scales.root(v): scales.fixed(v) for v in scales.values}
    asked = {r: span(q) if q is not None else ranges.get(r) for r, q in known.items()}
    groups = [(scales.members(root), limits) for root, limits in asked.items() if limits]
    if not groups:
        return set()
    costly = {name for i in measured(model, data, scales.bits, groups) for name in groups[i][0]}
    return {n for n in nodes if any(v.name in costly for v in (*activations(n), *n.outputs))}


def span(q: Affine) -> Range:
    """Return the range that codes cover."""
    return q.scale * (q.low - q.zero), q.scale * (q.high - q.zero)


def measured(
    model: Model, data: Data, bits: int, groups: Sequence[tuple[list[str], Range]]
) -> list[int]:
    """Return the places of the costly groups; what was measured before is remembered."""
    from mmc.verification.execute import execute

    with working_folder() as folder:
        path = folder / "model.onnx"
        save(model, path, external=True)
        asked: dict[str, Any] = {
            "samples": min(SAMPLES, data.samples),
            "inputs": signature(model),
            "groups": [[names, limits] for names, limits in groups],
            "bits": bits,
        }
        key = key_of_run(folder, data.source, asked)
        found = remembered(key, lambda: execute(JOB, path, {}, data=data.source, **asked).outputs)
    return [int(i) for i in found["costly"]]


def job(
    path: str | os.PathLike[str],
    feeds: Mapping[str, Array],
    *,
    data: str,
    samples: int,
    inputs: list[list[object]],
    groups: list[tuple[list[str], Range]],
    bits: int,
) -> dict[str, Array]:
    """Be the child of `measured`."""
    from mmc.verification.reference import open_quick

    round_values(Path(path), [names for names, _ in groups])
    runs = RoundedRuns(open_quick(path), list(prepared_samples(data, samples, inputs)), bits)

    def error(chosen: Sequence[int]) -> float:
        return runs.error({i: groups[i][1] for i in chosen})

    return {"costly": np.array(heavy(len(groups), error), np.int64)}


def heavy(count: int, error: Callable[[Sequence[int]], float]) -> list[int]:
    """Return the places 0..count that make MANY_TIMES their share of the error of all.

    Errors of several are about the sum of theirs (rounding errors are independent), so halves
    without enough error are not looked into: a few times log2(count) measurements.
    """
    if count <= MANY_TIMES or (whole := error(range(count))) < GOOD:
        return []
    least = MANY_TIMES * whole / count
    found, left = [], [range(count)]
    while left:
        part = left.pop()
        if len(part) == 1:
            found.append(part[0])
            continue
        middle = len(part) // 2
        left += [half for half in (part[middle:], part[:middle]) if error(half) >= least]
    return found
