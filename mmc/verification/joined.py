"""Outputs that a Concat joins: each of their parts is compared by itself as well.

A detector's output holds boxes in pixels and scores below 1. Its scores could all be 0, and the
signal to noise of the whole would say nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise, product
from math import prod
from typing import Any

import numpy as np

from mmc.diagnostics import Severity
from mmc.ir import Array, Model, Node, Value, attrs, is_static, shape_of
from mmc.verification.evaluate import FLOAT_KINDS, compare
from mmc.verification.result import VerifyResult
from mmc.verification.trial import Trial

Cuts = Mapping[int, tuple[int, ...]]
"""Axis, counted from the end -> where parts begin along it, but for the first."""

UNCHANGED = frozenset("Identity Cast QuantizeLinear DequantizeLinear".split())
MOST_PARTS = 64
"""More are no parts that someone gave a meaning, but the steps of a loop."""
LOST_DB, SOUND_DB = 10.0, 20.0
"""A part has lost its signal below the first, if the whole has so much more."""


def cuts_of(model: Model) -> dict[str, Cuts]:
    """Return where the outputs are joined, by name; those that are of one piece are left out."""
    found: dict[str, Cuts] = {}
    for output in model.graph.outputs:
        if not is_static(output):
            continue
        rank = len(shape_of(output))
        asked = {axis - rank: tuple(sorted(_cuts(output, axis))) for axis in range(rank)}
        cuts = {axis: places for axis, places in asked.items() if places}
        if cuts and prod(len(places) + 1 for places in cuts.values()) <= MOST_PARTS:
            found[output.name or ""] = cuts
    return found


def _cuts(value: Value | None, axis: int) -> set[int]:
    """Return where parts begin along an axis, by way of what only moves them."""
    found: set[int] = set()
    front = [(value, axis, 0)]
    while front:
        value, axis, start = front.pop()
        maker = None if value is None else value.producer()
        if maker is None or value is None or not is_static(value):
            continue
        if maker.op_type == "Concat":
            for before, part, offset in _joined(maker, axis):
                front.append((part, axis, start + offset))
                if before:
                    found.add(start + offset)
            continue
        source = maker.inputs[0] if maker.inputs else None
        if source is not None and (origin := _origin(maker, source, value, axis)) is not None:
            front.append((source, origin, start))
    return found


def _joined(node: Node, axis: int) -> Iterator[tuple[bool, Value, int]]:
    """Yield what a Concat joins: whether another comes before it along the axis, and its offset."""
    parts = [v for v in node.inputs if v is not None]
    if attrs(node)["axis"] % len(shape_of(parts[0])) != axis:
        yield from ((False, part, 0) for part in parts)
        return
    starts = accumulate((shape_of(part)[axis] for part in parts), initial=0)
    yield from ((start > 0, part, start) for part, start in zip(parts, starts, strict=False))


def _origin(node: Node, source: Value, value: Value, axis: int) -> int | None:
    """Return the axis of what a node moves that an axis of its result was; None: no one."""
    if node.op_type in UNCHANGED:
        return axis
    if node.op_type == "Transpose":
        return int(attrs(node)["perm"][axis])
    if node.op_type in ("Reshape", "Squeeze", "Unsqueeze", "Flatten") and is_static(source):
        made, read = shape_of(value), shape_of(source)
        alike = (
            i
            for i, size in enumerate(read)
            if size == made[axis] and prod(read[:i]) == prod(made[:axis])
        )
        return next(alike, None)
    return None


def parts_of(name: str, array: Array, cuts: Cuts) -> Iterator[tuple[str, Array]]:
    """Yield the parts of an output, named as numpy would write them; it may have more axes."""
    axes = sorted(cuts)
    bounds = [pairwise([0, *cuts[axis], array.shape[axis]]) for axis in axes]
    for chosen in product(*bounds):
        places: list[slice] = [slice(None)] * -axes[0]
        for axis, (low, high) in zip(axes, chosen, strict=True):
            places[axis] = slice(low, high)
        told = ",".join(":" if p.start is None else f"{p.start}:{p.stop}" for p in places)
        index: tuple[Any, ...] = (..., *places)
        yield f"{name}[...,{told}]", array[index]


def parted(outputs: Mapping[str, Array], cuts: Mapping[str, Cuts]) -> dict[str, Array]:
    """Return the parts of all outputs; those of one piece as they are."""
    found: dict[str, Array] = {}
    for name, array in outputs.items():
        known = cuts.get(name)
        found.update([(name, array)] if known is None else parts_of(name, array, known))
    return found


def tell_lost_parts(trial: Trial, model: Model, result: VerifyResult) -> None:
    """Warn of parts that keep next to nothing of their signal, where the whole output does."""
    found = {o.name: o.accuracy.level_db for o in result.outputs if o.accuracy is not None}
    for name, cuts in cuts_of(model).items():
        expected = trial.reference.get(name)
        if name not in found or expected is None or expected.dtype.kind not in FLOAT_KINDS:
            continue
        made = trial.artifact.outputs[name]
        pairs = zip(parts_of(name, expected, cuts), parts_of(name, made, cuts), strict=True)
        levels = {part: compare(part, e, a).level_db for (part, e), (_, a) in pairs if np.any(e)}
        lost = {p: db for p, db in levels.items() if db < min(LOST_DB, found[name] - SOUND_DB)}
        if lost:
            worst = min(lost, key=lambda part: lost[part])
            result.add(
                "MMC425",
                Severity.WARNING,
                f"output {name!r}",
                f"SQNR {lost[worst]:.1f} dB of its part {worst}, {found[name]:.1f} dB of the whole",
                why="parts of far different ranges share one scale, in which the smallest is lost",
                fix="give each part an output of its own, or try --activations int16",
            )
