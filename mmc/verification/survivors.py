"""Where the outputs are lost in rounding noise, compare the inner tensors that are not.

A model that amplifies rounding has a low floor at its outputs, and a low floor could hide an error.
Upstream of the amplification the floor is high, and there the artifact must agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import onnx

from mmc.layout.permutation import Perm, inverse
from mmc.layout.stored_names import StoredNames
from mmc.verification.casting import Array
from mmc.verification.evaluate import FLOAT_KINDS, Comparison, compare
from mmc.verification.rounding_floor import floor_db
from mmc.verification.trial import Trial, to_first

GRIDS = {"QuantizeLinear", "DynamicQuantizeLinear", "Round", "Floor", "Ceil"}
GRIDS |= {"DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}
"""Operators that round to a grid: a sum in another order may end on the other side of a step."""


@dataclass(frozen=True)
class Inner:
    """The comparison of one inner tensor with the reference, and the floor there."""

    found: Comparison
    floor_db: float


def compare_inner(
    trial: Trial, names: list[str], stored: StoredNames, lowest: float
) -> list[Inner]:
    """Return the comparisons of the named tensors of the artifact, in the reference's order.

    Tensors that the reference does not have are left out, and so are integers.

    Args:
        stored: which of them the reference has under another name, in another layout.
        lowest: the floor of the outputs, in dB.
    """
    subject = trial.subject
    graph = onnx.load(subject.reference, load_external_data=False).graph
    computed = [name for node in graph.node for name in node.output if name]
    ours = {stored.get(name, (name, None))[0]: name for name in names}
    shared = [name for name in computed if name in ours]
    if not shared:
        return []
    actual = subject.run_artifact(trial.feeds, [ours[name] for name in shared]).outputs
    expected = subject.run_reference(trial.feeds, shared).outputs
    draws = range(1, len(trial.perturbed) + 1)
    perturbed = [subject.run_perturbed(trial.feeds, draw, shared).outputs for draw in draws]
    found, floors = [], carried(graph, expected, perturbed, lowest)
    for name in shared:
        if ours[name] in actual and name in expected and expected[name].dtype.kind in FLOAT_KINDS:
            layout = stored.get(ours[name], ("", None))[1]
            comparison = best(name, expected[name], actual[ours[name]], layout)
            if comparison is not None:
                found.append(Inner(comparison, floors[name]))
    return found


def carried(
    graph: onnx.GraphProto,
    expected: Mapping[str, Array],
    perturbed: Sequence[Mapping[str, Array]],
    lowest: float,
) -> dict[str, float]:
    """Return the lowest rounding floor at each tensor or before it, in dB.

    A tensor of few entries may miss by chance what rounding did upstream; and which entry is
    rounded to the next step of a grid is chance: from there on the floor is that of the outputs.
    """
    floors: dict[str, float] = {}
    for node in graph.node:
        before = min((floors.get(name, inf) for name in node.input), default=inf)
        before = min(before, lowest) if node.op_type in GRIDS else before
        for name in node.output:
            own = floor_db(name, expected[name], perturbed) if name in expected else inf
            floors[name] = min(before, own)
    return floors


def best(
    name: str, expected: Array, actual: Array, layout: Perm | None = None
) -> Comparison | None:
    """Compare in the known layout, else in either: images may enter and leave channels last."""
    forms = [actual, to_first(actual)] if layout is None else [actual.transpose(inverse(layout))]
    found = [compare(name, expected, form) for form in forms if form.shape == expected.shape]
    return max(found, key=lambda c: (c.positions_match, c.sqnr_db), default=None)
