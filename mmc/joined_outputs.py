"""Outputs that a Concat joins: each of their parts is measured by itself.

A detector's output holds boxes in pixels and scores below 1. Its scores could all be 0, and the
error of the whole would say nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise, product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from mmc.ir import Array, Model, Node, Value, attrs, is_static, save, shape_of

Cuts = Mapping[int, tuple[int, ...]]
"""Axis, counted from the end -> where parts begin along it, but for the first."""

UNCHANGED = frozenset("Identity Cast QuantizeLinear DequantizeLinear".split())
MOST_PARTS = 64
"""More are no parts that someone gave a meaning, but the steps of a loop."""


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


def _cuts(value: Value, axis: int) -> set[int]:
    """Return where parts begin along an axis, by way of what only moves them.

    Where there are more than MOST_PARTS it returns some: a value may join itself many times.
    """
    found: set[int] = set()
    front = [(value, axis, 0)]
    seen = set(front)
    while front and len(found) < MOST_PARTS:
        value, axis, start = front.pop()
        for before, part, origin, offset in _above(value, axis):
            place = part, origin, start + offset
            if before:
                found.add(place[2])
            if place not in seen:
                seen.add(place)
                front.append(place)
    return found


def _above(value: Value, axis: int) -> Iterator[tuple[bool, Value, int, int]]:
    """Yield what a value is moved from: whether another part comes before it, its axis, its offset.

    Nothing, where it is computed.
    """
    maker = value.producer()
    if maker is None or not is_static(value):
        return
    if maker.op_type == "Concat":
        yield from ((before, part, axis, offset) for before, part, offset in _joined(maker, axis))
        return
    source = maker.inputs[0] if maker.inputs else None
    if source is not None and (origin := _origin(maker, source, value, axis)) is not None:
        yield False, source, origin, 0


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


def places_of(shape: Sequence[int], cuts: Cuts) -> Iterator[dict[int, tuple[int, int]]]:
    """Yield where each part of an output begins and ends along the axes that are cut."""
    axes = sorted(cuts)
    bounds = [pairwise([0, *cuts[axis], shape[axis]]) for axis in axes]
    yield from (dict(zip(axes, chosen, strict=True)) for chosen in product(*bounds))


def parts_of(name: str, array: Array, cuts: Cuts) -> Iterator[tuple[str, Array]]:
    """Yield the parts of an output, named as numpy would write them; it may have more axes."""
    for place in places_of(array.shape, cuts):
        slices = [slice(*place.get(axis, (None,))) for axis in range(min(place), 0)]
        told = ",".join(":" if s.start is None else f"{s.start}:{s.stop}" for s in slices)
        index: tuple[Any, ...] = (..., *slices)
        yield f"{name}[...,{told}]", array[index]


def parted(outputs: Mapping[str, Array], cuts: Mapping[str, Cuts]) -> dict[str, Array]:
    """Return the parts of all outputs; those of one piece as they are."""
    found: dict[str, Array] = {}
    for name, array in outputs.items():
        known = cuts.get(name)
        found.update([(name, array)] if known is None else parts_of(name, array, known))
    return found


def save_by_parts(model: Model, path: Path) -> None:
    """Write a model for measurements of errors: each part of an output is an output of it."""
    save(model, path, external=True)
    if not (cuts := cuts_of(model)):
        return
    proto = onnx.load(path, load_external_data=False)
    graph, outputs = proto.graph, list(proto.graph.output)
    del graph.output[:]
    for output in outputs:
        sizes = [d.dim_value for d in output.type.tensor_type.shape.dim]
        kind = output.type.tensor_type.elem_type
        for i, place in enumerate(places_of(sizes, cuts.get(output.name, {}))):
            if not place:
                graph.output.append(output)
                continue
            part = f"{output.name}.part {i}"
            numbers = (*zip(*place.values(), strict=True), place)
            given = [f"{part}.{what}" for what in ("starts", "ends", "axes")]
            arrays = (np.array([*some], np.int64) for some in numbers)
            graph.initializer.extend(map(numpy_helper.from_array, arrays, given))
            graph.node.append(helper.make_node("Slice", [output.name, *given], [part]))
            graph.output.append(helper.make_tensor_value_info(part, kind, None))
    path.write_bytes(proto.SerializeToString())
