"""What float16 costs on an engine that has no other floats; the artifact is run in float32."""

from __future__ import annotations

from dataclasses import replace

from mmc.diagnostics import EmitError, Severity
from mmc.verification.evaluate import compare
from mmc.verification.execute import execute
from mmc.verification.half import USABLE_DB
from mmc.verification.half_results import JOB
from mmc.verification.result import VerifyResult
from mmc.verification.trial import Trial

NEAR_DB = 40.0
"""What models lose no decisions by; four in five keep 50 dB."""


def tell_half(trial: Trial, result: VerifyResult) -> None:
    """Add what each output keeps in float16, and a note or warning where that is little.

    What float32's own rounding moves as far says nothing of float16, and is left out.
    """
    subject = trial.subject
    given = subject.to_artifact(trial.feeds)
    try:
        found = execute(JOB, subject.final, given, limits=subject.limits).outputs
    except EmitError:
        return  # the final IR is right as it is: nothing is known of its rounding
    for place, output in enumerate(result.outputs):
        if output.name not in found or output.emission.integer:
            continue
        half = compare(output.name, trial.final[output.name], found[output.name])
        result.outputs[place] = replace(output, half=half)
        if half.passes(output.least(NEAR_DB)):
            continue
        result.add(
            "MMC426",
            Severity.NOTE if half.passes(USABLE_DB) else Severity.WARNING,
            f"output {output.name!r}",
            f"keeps {half.level_db:.1f} dB where every float is rounded to float16",
            why="the NPU computes floats so; numbers beyond 65504 become that",
            fix="--verify-on htp asks the emulator; scale what leaves float16, or use integers",
        )
