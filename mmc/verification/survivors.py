"""Where the outputs are lost in rounding noise, compare the inner tensors that are not.

A model that amplifies rounding has a low floor at its outputs, and a low floor could hide an error.
Upstream of the amplification the floor is high, and there the artifact must agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from mmc.verification.casting import Array
from mmc.verification.evaluate import FLOAT_KINDS, Comparison, compare
from mmc.verification.trial import Trial, to_first


@dataclass(frozen=True)
class Inner:
    """The comparison of one inner tensor with the reference, and the floor there."""

    found: Comparison
    floor_db: float


def compare_inner(trial: Trial, names: list[str]) -> list[Inner]:
    """Return the comparisons of the named tensors of the artifact, in the reference's order.

    Tensors that the reference does not have under that name and shape (as NCHW or NHWC) are left
    out, and so are integers.
    """
    subject = trial.subject
    graph = onnx.load(subject.reference, load_external_data=False).graph
    wanted = set(names)
    shared = [name for node in graph.node for name in node.output if name in wanted]
    if not shared:
        return []
    actual = subject.run_artifact(trial.feeds, shared).outputs
    expected = subject.run_reference(trial.feeds, shared).outputs
    optimized = subject.run_optimized(trial.feeds, shared).outputs
    found = []
    for name in shared:
        if name in actual and name in expected and expected[name].dtype.kind in FLOAT_KINDS:
            comparison = best(name, expected[name], actual[name])
            if comparison is not None:
                floor = compare(name, expected[name], optimized.get(name, expected[name]))
                found.append(Inner(comparison, floor.level_db))
    return found


def best(name: str, expected: Array, actual: Array) -> Comparison | None:
    """Compare in either layout, as a tensor keeps its name when its layout changes."""
    forms = [form for form in (actual, to_first(actual)) if form.shape == expected.shape]
    found = [compare(name, expected, form) for form in forms]
    return max(found, key=lambda c: (c.positions_match, c.sqnr_db), default=None)
