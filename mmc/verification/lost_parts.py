"""Parts of outputs that are lost: a warning, where the whole output looks right."""

from __future__ import annotations

import numpy as np

from mmc.diagnostics import Severity
from mmc.ir import Model
from mmc.joined_outputs import cuts_of, parts_of
from mmc.verification.evaluate import FLOAT_KINDS, compare
from mmc.verification.result import VerifyResult
from mmc.verification.trial import Trial

LOST_DB, SOUND_DB = 10.0, 20.0
"""A part has lost its signal below the first, if the whole has so much more."""


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
