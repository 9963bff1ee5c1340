"""Between the last model and its artifact: the first tensor that differs, and its operator."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from mmc.backends.base import Backend
from mmc.debugging.suspects import Suspect
from mmc.verification.casting import Array
from mmc.verification.evaluate import Comparison
from mmc.verification.half import half_floors
from mmc.verification.result import FLOOR_SLACK_DB
from mmc.verification.survivors import best
from mmc.verification.tensors import batches_of
from mmc.verification.trial import Subject


@dataclass(frozen=True)
class Wrong:
    """A tensor of the artifact, what it would have needed in dB, and the operator that makes it."""

    tensor: Comparison
    least_db: float
    nodes: list[Suspect]


def first_wrong(
    backend: Backend,
    program: Any,
    subject: Subject,
    feeds: Mapping[str, Array],
    outputs: Sequence[str],
    least_db: float,
    *,
    half: bool,
) -> Wrong | None:
    """Return the first tensor of an artifact, in its order, that is not that of the last model.

    Args:
        feeds: inputs in the form of the last model.
        outputs: the outputs, which are compared after the tensors inside.
        least_db: least SQNR.
        half: less is enough where rounding the constants to float16 alone costs more.
    """
    inner = backend.inner_values(program)
    known = same_names(inner, subject.final)
    makers = {
        known.get(name, name): op for op in backend.structure(program).ops for name in op.outputs
    }
    for names in batches_of(list(known), dict.fromkeys(inner, 1 << 20)):
        given = subject.run_artifact(feeds, names).outputs
        actual = {known.get(name, name): array for name, array in given.items()}
        exact = subject.run_final(feeds, [known[n] for n in names]).outputs
        order = [*(known[n] for n in names), *(n for n in outputs if n not in known.values())]
        compared = [best(n, exact[n], actual[n]) for n in order if n in actual and n in exact]
        failed = [c for c in compared if c is not None and not c.passes(least_db)]
        floors: Mapping[str, float] = {}
        if failed and half:
            floors = half_floors(subject, feeds, {c.name: exact[c.name] for c in failed})
        for found in failed:
            least = min(
                least_db, floors.get(found.name, least_db + FLOOR_SLACK_DB) - FLOOR_SLACK_DB
            )
            if not found.passes(least):
                op = makers.get(found.name)
                return Wrong(
                    found, least, [Suspect(op.name, op.kind, "", op.sources)] if op else []
                )
    return None


def same_names(inner: Sequence[str], final: Path) -> dict[str, str]:
    """Return what the last model calls tensors of an artifact, which may spell names otherwise.

    A format whose names are identifiers has underscores for other characters.
    """
    nodes = onnx.load(final, load_external_data=False).graph.node
    made = [name for node in nodes for name in node.output if name]
    spelled = Counter(map(plain, made))
    by_spelling = {plain(name): name for name in made if spelled[plain(name)] == 1}
    found = {name: name if name in made else by_spelling.get(plain(name), "") for name in inner}
    often = Counter(found.values())
    return {name: other for name, other in found.items() if other and often[other] == 1}


def plain(name: str) -> str:
    """Return a name as an identifier, without the letter that keeps it from starting oddly."""
    return re.sub(r"^v(?=[_0-9])", "", re.sub(r"[^A-Za-z0-9_]", "_", name))
