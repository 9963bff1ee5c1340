"""What a verification found, as plain data of the compile's report."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmc.verification.evaluate import Comparison
    from mmc.verification.result import VerifyResult


@dataclass(frozen=True)
class Difference:
    """How an output differs; sqnr_db is None for equal arrays, mismatches count integers."""

    sqnr_db: float | None
    max_abs_error: float | None
    relative: float | None
    cosine: float | None
    mismatches: int
    integer: bool


@dataclass(frozen=True)
class Output:
    """One output: against the original model, against the final IR, and the rounding floor.

    `emulated` is what the NPU's emulator computes against the original, with --verify-on htp;
    `half` is what float16 alone costs on an NPU that has no other floats.
    """

    name: str
    accuracy: Difference | None
    emission: Difference
    floor_db: float | None
    emulated: Difference | None = None
    half: Difference | None = None


@dataclass(frozen=True)
class Verification:
    """The run of the artifact; where its `inputs` are from, and the seed if they were drawn."""

    passed: bool
    reference: str
    inputs: str
    seed: int | None
    seconds: float
    peak_bytes: int
    inner_tensors: int
    outputs: list[Output]


def verification(found: VerifyResult) -> Verification:
    """Return what a verification found."""
    outputs = [
        Output(
            o.name,
            difference(o.accuracy) if o.accuracy else None,
            difference(o.emission),
            finite(o.floor_db),
            difference(o.emulated) if o.emulated else None,
            difference(o.half) if o.half else None,
        )
        for o in found.outputs
    ]
    return Verification(
        found.passed,
        found.reference,
        found.inputs,
        found.seed,
        found.seconds,
        found.peak_memory,
        found.inner,
        outputs,
    )


def difference(found: Comparison) -> Difference:
    """Return a comparison's figures; infinite ones are None, as JSON has none."""
    return Difference(
        finite(found.sqnr_db),
        finite(found.max_abs_error),
        finite(found.relative),
        finite(found.cosine),
        found.mismatches,
        found.integer,
    )


def finite(figure: float) -> float | None:
    """Return the figure, or None for infinities and NaN."""
    return float(figure) if math.isfinite(figure) else None
