"""The operators of an artifact as a table: numbers, place, cost, error and origin of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf, isfinite, prod
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.diagnostics import OFF_NPU, MmcError
from mmc.structure import Op, Structure, read_structure

if TYPE_CHECKING:
    from mmc.result import CompileResult

TYPE = re.compile(r"([a-z]+(\d*)\w*)\[([\d,]*)\]")
WHOLE = re.compile(r"u?int(32|64)\b|bool|string")
"""Types of shapes, paddings and places, which are no weights."""
WIDTHS = {"float": 32, "double": 64, "bool": 8}


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator of the artifact, in order of execution; what is not known is None.

    `weight` is the type and shape of its largest constant, `bits` what an entry of it takes;
    `sqnr_db` compares its output with the original model's tensor (None also where they are equal:
    `equal` tells), `latency_ms` is an estimate.
    """

    kind: str
    name: str
    sources: list[str]
    output: str
    weight: str
    bits: int | None
    runs_on: str | None
    latency_ms: float | None = None
    sqnr_db: float | None = None
    equal: bool = False


def layers_of(structure: Structure) -> list[Layer]:
    """Return the operators of any model."""
    return [layer_of(op, structure) for op in structure.ops]


def layer_of(op: Op, structure: Structure) -> Layer:
    """Return one operator; where it runs is not known from its structure."""
    types = (text.removeprefix("const ").partition(" ")[0] for text in op.constants)
    weight = max((t for t in types if not WHOLE.match(t)), key=elements, default="")
    output = ", ".join(structure.types.get(name, "?") for name in op.outputs)
    return Layer(op.kind, op.name, list(op.sources), output, weight, bits_of(weight), None)


def elements(text: str) -> int:
    """Return how many entries a tensor of this type has."""
    found = TYPE.match(text)
    return prod(int(size) for size in found[3].split(",") if size) if found else 0


def bits_of(text: str) -> int | None:
    """Return the bits that an entry of this type takes: int4[64,3] has 4."""
    found = TYPE.match(text)
    if found is None:
        return None
    return int(found[2]) if found[2] else WIDTHS.get(found[1])


def compiled_layers(result: CompileResult, *, errors: bool = False) -> list[Layer]:
    """Return the operators of the artifact that a compile made.

    Args:
        errors: run the artifact and the original once more, and compare every tensor of both.
    """
    structure = read_structure(result.artifact)
    places = placed(result, structure)
    latencies = latencies_of(result, structure)
    found = errors_of(result, structure) if errors else {}
    layers = []
    for op, layer, runs_on, latency in zip(
        structure.ops, layers_of(structure), places, latencies, strict=True
    ):
        error = next((found[name] for name in op.outputs if name in found), None)
        level = error if error is not None and isfinite(error) else None
        same = error == inf
        layers.append(
            replace(layer, runs_on=runs_on, latency_ms=latency, sqnr_db=level, equal=same)
        )
    return layers


def placed(result: CompileResult, structure: Structure) -> list[str | None]:
    """Return where each operator runs, by the findings that name it."""
    from mmc.backends.lowering import place_of

    if result.target.runs_on != "npu":
        return [result.target.runs_on] * len(structure.ops)
    if result.fails_on_npu:
        return ["cpu"] * len(structure.ops)
    off = {d.where for d in result.diagnostics if d.code in OFF_NPU}
    return ["cpu" if place_of(op.kind, op.sources) in off else "npu" for op in structure.ops]


def latencies_of(result: CompileResult, structure: Structure) -> list[float | None]:
    """Return an estimate an operator; None where no device of the target was measured."""
    found = result.cost.ops if result.cost else []
    if [op.kind for op in found] == [op.kind for op in structure.ops]:
        return [op.latency_ms for op in found]
    return [None] * len(structure.ops)


def errors_of(result: CompileResult, structure: Structure) -> Mapping[str, float]:
    """Return the SQNR of every tensor that the original model has too; infinite where equal."""
    from mmc.debugging.alignment import align
    from mmc.debugging.model_diff import Side, numbers, tensor_pairs

    checked = result.verification
    if checked is None or not checked.feeds or checked.reference != "the original model":
        return {}
    source = Path(result.source)
    with suppress(MmcError):
        original = read_structure(source)
        pairs = list(tensor_pairs(original, structure, align(original, structure)))
        made = structure.makers()
        pairs += [(root, name) for name, (root, _) in checked.stored.items() if name in made]
        sides = Side(source, checked.feeds), Side(result.artifact, checked.feeds)
        found = numbers(*sides, pairs, (original, structure), checked.stored)
        return {t.name_in_b: t.comparison.level_db for t in found}
    return {}
