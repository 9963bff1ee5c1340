"""Outputs of an artifact with integer activations, as a whole.

The rounding of all operators adds up in them, in the artifact as in the final IR: both are so far
from the original, and may be as far from each other. What is asked is that the artifact is no
further off than the final IR, but for what two draws of such noise differ by.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmc.diagnostics import Severity
from mmc.verification.casting import Array
from mmc.verification.evaluate import compare
from mmc.verification.result import OutputResult, VerifyResult
from mmc.verification.trial import Subject, Trial

TOTAL_DB = 40.0
"""SQNR of the artifact against the final IR from which on nothing more is asked."""
LAG_DB = 3.0
"""What a step an operator more may cost: twice the noise."""
FEWEST = 3
"""Samples of which a median says something."""


def open_question(output: OutputResult) -> bool:
    """Say whether an output of floats is not as near to the final IR as nobody would ask about."""
    emission = output.emission
    return not (emission.passes(TOTAL_DB) or emission.integer or output.accuracy is None)


def judge_total(
    trial: Trial,
    output: OutputResult,
    result: VerifyResult,
    plain: Array | None = None,
    own: float = 0.0,
) -> None:
    """Add a finding where the artifact is further from the original than the final IR is.

    Where one sample says so, more of them decide: a few numbers that rounding moves may be all of
    the error of one, but not of most.

    Args:
        plain: the output of the final IR without rounding, where the original rounds likewise: what
            the rounding makes up is as good a draw of its noise.
        own: how far the kernel that makes the output may be off, in numbers. Where no number is
            further off, that is all: of an output that is nearly 0 everywhere it can be most.
    """
    where, emission = f"output {output.name!r}", output.emission
    if not emission.positions_match:
        result.add("MMC412", Severity.ERROR, where, "NaN or infinity in other places")
    if not open_question(output) or output.accuracy is None:
        return
    drawn = [trial.final[output.name], *([] if plain is None else [plain])]
    final = min(compare(output.name, trial.reference[output.name], d).level_db for d in drawn)
    reached, slack = output.accuracy.level_db, slack_db(trial.reference[output.name].size)
    sign, right = "both are alike right", reached >= final - slack
    if not right:
        sign, right = second_look(trial, output, own)
    if not right:
        what = f"SQNR {reached:.1f} dB, the final IR in ONNX Runtime has {final:.1f} dB"
        why = f"rounding may cost {slack:.1f} dB of an output of this size{sign}"
        result.add("MMC410", Severity.ERROR, where, what, why=why)
        return
    what = f"rounding adds up: {emission.level_db:.1f} dB between the artifact and the final IR"
    why = f"{sign}: {reached:.1f} and {final:.1f} dB to the original"
    result.add("MMC418", Severity.NOTE, where, what, why=why)


def second_look(trial: Trial, output: OutputResult, own: float) -> tuple[str, bool]:
    """Return what excuses an output that is behind on one sample, or does not, and which it is."""
    if output.emission.max_abs_error <= own:
        return f"no number is off by {own:.1g}", True
    lag = lag_db(trial, output.name)
    if lag is None:
        return "", False
    right = lag <= LAG_DB
    return f"{'' if right else '; '}the median of more samples is {lag:.1f} dB behind", right


def slack_db(count: int) -> float:
    """Return the dB by which the artifact's accuracy may be below the final IR's.

    Both errors are draws of rounding noise: the energies of two of n entries differ by less than
    35 / sqrt(n) dB (four standard deviations of the ratio, 2 / sqrt(n) each), and a step an
    operator more may double the noise.
    """
    return LAG_DB + 35.0 / float(np.sqrt(max(count, 1)))


def lag_db(trial: Trial, name: str) -> float | None:
    """Return by how many dB an output is further off than the final IR's: the median over samples.

    None where there are too few.
    """
    found = [lag_on(trial.subject, name, feeds) for feeds in trial.subject.samples]
    return float(np.median(found)) if len(found) >= FEWEST else None


def lag_on(subject: Subject, name: str, feeds: Mapping[str, Array]) -> float:
    """Return the same of one sample."""
    seen = subject.as_seen(feeds)
    runs = (subject.run_reference, subject.run_final, subject.run_artifact)
    reference, final, artifact = (run(seen).outputs[name] for run in runs)
    levels = [compare(name, reference, made).level_db for made in (final, artifact)]
    return levels[0] - levels[1] if levels[0] != levels[1] else 0.0
