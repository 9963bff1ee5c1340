"""Which activations stay float where a processor computes floats as well: the few that codes ruin.

In most networks a handful of tensors makes most of the error of 8-bit activations: the first
map, a row of attention, a channel far beyond the others. Each scale is rounded alone, everything
else float, and the error at the model's outputs says what it costs. Layers with much of the work
have to make more of it: integers are there for their speed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from mmc.integers.activation_scales import Scales, activations
from mmc.integers.calibration import Data, prepared_samples, signature
from mmc.integers.delicate import MATRICES
from mmc.integers.integer_ops import layer_of
from mmc.integers.integer_ranges import Range
from mmc.integers.layers import AXES, base_of
from mmc.integers.rounded_runs import RoundedRuns, round_values
from mmc.ir import Array, Model, Node, Value, shape_of
from mmc.joined_outputs import save_by_parts
from mmc.remembered import key_of_run, remembered
from mmc.staging import working_folder

JOB = "mmc.integers.float_islands:job"
SAMPLES = (2, 16)
"""Samples that an error is the mean of, of large and small models."""
WORK = 2e10
"""Products of two numbers that all runs together may take beyond the fewest samples."""
CALL = 40_000
"""Products that take as long as the call of an operator: of small ones that is most (measured)."""
MANY_TIMES = 4.0
"""A scale is costly that makes so many times the error that it would if all made the same."""
FEW_TIMES = 1.5
"""The same where the operators that become float are next to none of the work."""
PER_WORK = 2.0
"""Between the two: times its part of the work, as many times as if all had the same."""
GOOD_DB = 50.0
"""Signal to noise that codes alone leave, in dB: next to floats."""
MOST_RUNS = 400
"""Errors that are measured: of a model with more scales (an unrolled recurrence), each run of which
takes longer as well, they are measured in bundles, and alone in the bundles that make the most.
"""
FEW = 3
"""One scale of so many may stay float, the costliest. Where each alone makes the error that all do
(the outputs are near 0 whatever the input is), each is costly, and nothing would be left on codes.
"""


def islands(
    model: Model,
    data: Data,
    scales: Scales,
    ranges: Mapping[Value, Range],
    nodes: Sequence[Node],
    good_db: float,
) -> set[Node]:
    """Return the operators that stay float: those that read or make a costly value.

    Args:
        model: as its weights are shipped, its activations float.
        ranges: of the scales that no kernel dictates, by what stands for all who share it.
        nodes: the operators that would compute on codes.
        good_db: nothing is costly where all scales together leave as much signal to noise.
    """
    known = {scales.root(v): scales.fixed(v) for v in scales.values}
    asked = {r: q.ends if q is not None else ranges.get(r) for r, q in known.items()}
    groups = [(scales.members(root), limits) for root, limits in asked.items() if limits]
    if not groups:
        return set()
    beside = touching(nodes, [names for names, _ in groups])
    works = [sum(map(work, some)) for some in beside]
    whole = sum(map(work, nodes))
    calls = model.graph.num_nodes() + len(groups)
    samples = min(data.samples, affordable(len(groups), whole + CALL * calls))
    shares = [part / whole for part in works]
    costly = measured(model, Data(data.source, samples), scales.bits, groups, shares, good_db)
    return {n for i in costly for n in beside[i]}


def affordable(groups: int, products: float) -> int:
    """Return over how many samples each group is measured, where a run takes so many products."""
    few, many = SAMPLES
    return int(np.clip(WORK / (groups * products), few, many))


def touching(nodes: Sequence[Node], groups: Sequence[list[str]]) -> list[set[Node]]:
    """Return the nodes that read or make a value of each group."""
    places = {name: i for i, names in enumerate(groups) for name in names}
    found: list[set[Node]] = [set() for _ in groups]
    for node in nodes:
        for value in (*activations(node), *node.outputs):
            if (place := places.get(value.name or "")) is not None:
                found[place].add(node)
    return found


def work(node: Node) -> int:
    """Return how many products a node is the sum of, or how many numbers it makes."""
    made = prod(shape_of(node.outputs[0]))
    if layer_of(node):
        weight = shape_of(node.inputs[1])
        return made * prod(weight) // weight[AXES[base_of(node)]]
    return made * shape_of(node.inputs[0])[-1] if base_of(node)[1] in MATRICES else made


def measured(
    model: Model,
    data: Data,
    bits: int,
    groups: Sequence[tuple[list[str], Range]],
    shares: Sequence[float],
    good_db: float,
) -> list[int]:
    """Return the places of the costly groups; what was measured before is remembered."""
    from mmc.verification.execute import execute

    with working_folder() as folder:
        path = folder / "model.onnx"
        save_by_parts(model, path)
        asked: dict[str, Any] = {
            "samples": data.samples,
            "inputs": signature(model),
            "groups": [[names, limits] for names, limits in groups],
            "bits": bits,
            "shares": [*shares],
            "good_db": good_db,
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
    shares: list[float],
    good_db: float,
) -> dict[str, Array]:
    """Be the child of `measured`."""
    from mmc.verification.reference import open_quick

    round_values(Path(path), [names for names, _ in groups])
    runs = RoundedRuns(open_quick(path), list(prepared_samples(data, samples, inputs)), bits)

    def errors(chosen: Sequence[int]) -> Array:
        return runs.errors({i: groups[i][1] for i in chosen})

    return {"costly": np.array(heavy(errors, shares, good_db), np.int64)}


def heavy(
    errors: Callable[[Sequence[int]], Array], shares: Sequence[float], good_db: float
) -> list[int]:
    """Return the places that make many times the mean part of the error of all.

    How many times, from FEW_TIMES to MANY_TIMES, goes with the place's share of the work. Errors
    do not add up (what one adds may be below half a step of the next), so each is measured, and
    nothing is left out where all others together make no less than all.

    Args:
        errors: of places that are rounded together, by sample: parts are compared in each, and
            the median counts. In a mean, one sample near a threshold would be all.
    """
    places = range(len(shares))
    if len(shares) <= MANY_TIMES or np.median(whole := errors(places)) < 10 ** (-good_db / 10):
        return []

    def part(chosen: Sequence[int]) -> float:
        return float(np.median(errors(chosen)[whole > 0] / whole[whole > 0]))

    parts = {i: part([i]) for i in suspects(part, len(shares))}
    times = np.clip(PER_WORK * np.array(shares) * len(shares), FEW_TIMES, MANY_TIMES)
    costly = [i for i in parts if parts[i] * len(shares) >= times[i]]
    found = sorted(sorted(costly, key=lambda i: -parts[i])[: len(shares) // FEW])
    return found if found and part([i for i in places if i not in found]) < 1 else []


def suspects(part: Callable[[Sequence[int]], float], count: int) -> list[int]:
    """Return the places that are measured alone: all of a few, else those of the worst bundles.

    A bundle is places in the order of the graph; half of the runs find the worst of them.
    """
    if count <= MOST_RUNS:
        return [*range(count)]
    half = MOST_RUNS // 2
    bundles = np.array_split(np.arange(count), half)
    worst = sorted(bundles, key=lambda bundle: -part(bundle.tolist()))
    return sorted(int(i) for i in np.concatenate(worst)[:half])
