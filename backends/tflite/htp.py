"""`--verify-on htp`: what Qualcomm's emulator computes, compared with the original model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mmc.diagnostics import Diagnostic, EmitError, Severity
from mmc.verification.casting import Array
from mmc.verification.evaluate import Comparison, compare
from mmc.verification.result import shortfall

from .emulator import emulate

if TYPE_CHECKING:
    from mmc.target import Target
    from mmc.verification.result import VerifyResult
    from mmc.verification.trial import Subject

SIMULATED = "MMC426"
"""What float16 costs by a simulation, which knows less than the emulator."""
FAR_DB = 20.0
"""An error of a tenth of the signal: no rounding of a model that works in 16 bits."""


def verify_on_htp(subject: Subject, target: Target, found: VerifyResult) -> None:
    """Add to `found` how the artifact's outputs on the emulator differ from the original's.

    The figures are reported: they depend on how much the model minds 16-bit floats, or its
    integers. An output below FAR_DB is a warning (MMC238), and so is an emulator that is not there,
    crashes or takes too long (MMC237).
    """
    place = f"hexagon {target.architecture}"
    try:
        feeds, numbers = subject.to_artifact(found.feeds), subject.coded
        run = emulate(subject.artifact, feeds, target.architecture, numbers=numbers)
        expected = reference_outputs(subject, found)
    except EmitError as error:
        found.add("MMC237", Severity.WARNING, place, "is not verified", why=str(error))
        return
    found.diagnostics = [d for d in found.diagnostics if d.code != SIMULATED]
    found.outputs = [
        replace(o, emulated=compare(o.name, expected[o.name], run.outputs[o.name]))
        for o in found.outputs
    ]
    for output in found.outputs:
        other = output.emulated
        if other and not other.integer and not other.passes(FAR_DB):
            found.diagnostics.append(far_off(place, other))


def reference_outputs(subject: Subject, found: VerifyResult) -> dict[str, Array]:
    """Return the original's outputs, or the final IR's where ONNX Runtime cannot run it."""
    if all(o.accuracy is None for o in found.outputs):
        return subject.run_final(found.feeds).outputs
    return subject.run_reference(found.feeds).outputs


def far_off(place: str, found: Comparison) -> Diagnostic:
    """Return the finding for an output that has little to do with the original's."""
    what = f"output {found.name!r} is far from the original: {shortfall(found, FAR_DB)}"
    why = "the NPU computes floats in 16 bits, and numbers beyond 131008 become that"
    fix = "give --activations int16 with --calibration, or scale what overflows (mmc bisect)"
    return Diagnostic("MMC238", Severity.WARNING, place, what, why, fix)
