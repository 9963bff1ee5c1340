"""What a verification found: per output, and as coded diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from mmc.counting import counted
from mmc.diagnostics import Diagnostic, Severity
from mmc.layout.stored_names import StoredNames
from mmc.verification.casting import Array
from mmc.verification.evaluate import Comparison

FLOOR_SLACK_DB = 10.0
"""How far below the measured rounding floor an output may lie."""


@dataclass(frozen=True)
class OutputResult:
    """One output: artifact against final IR, artifact against original, and the rounding floor.

    `accuracy` is None when ONNX Runtime cannot run the original; `emulated` is the NPU's emulator
    against the original, with --verify-on htp; `half` is the final IR computed in float16 against
    it as it is, where the artifact's engine has no other floats.
    """

    name: str
    emission: Comparison
    accuracy: Comparison | None
    floor_db: float = inf
    emulated: Comparison | None = None
    half: Comparison | None = None

    def least(self, target_db: float) -> float:
        """Return the SQNR that this output needs: the target's, or near its rounding floor."""
        return min(target_db, self.floor_db - FLOOR_SLACK_DB)

    def to_json(self) -> dict[str, Any]:
        """Return the fields; an infinite floor is None."""
        return {
            "name": self.name,
            "emission": self.emission.to_json(),
            "accuracy": self.accuracy and self.accuracy.to_json(),
            "emulated": self.emulated and self.emulated.to_json(),
            "half": self.half and self.half.to_json(),
            "floor_db": None if self.floor_db == inf else self.floor_db,
        }


@dataclass
class VerifyResult:
    """What was compared and found.

    `inputs` says where the inputs are from, `seed` drew them (None: it did not); `reference` says
    what the artifact was compared with; `seconds` and `peak_memory` are the artifact's run; `inner`
    counts compared inner tensors; `feeds` are the inputs, by name; `stored` says which tensors of
    the artifact are one of the original in another layout.
    """

    outputs: list[OutputResult] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    inputs: str = ""
    seed: int | None = None
    reference: str = ""
    seconds: float = 0.0
    peak_memory: int = 0
    inner: int = 0
    feeds: Mapping[str, Array] = field(default_factory=dict, repr=False)
    stored: StoredNames = field(default_factory=dict, repr=False)

    @property
    def errors(self) -> list[Diagnostic]:
        """The findings that make the artifact useless."""
        return [d for d in self.diagnostics if d.severity is Severity.ERROR]

    @property
    def passed(self) -> bool:
        """Whether the artifact was run and nothing is wrong."""
        return not self.errors

    @property
    def floor_db(self) -> float:
        """The lowest rounding floor of the outputs."""
        return min((o.floor_db for o in self.outputs), default=inf)

    def add(self, code: str, severity: Severity, where: str, what: str, **more: str) -> None:
        """Add a finding."""
        self.diagnostics.append(Diagnostic(code, severity, where, what, **more))

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "passed": self.passed,
            "outputs": [o.to_json() for o in self.outputs],
            "diagnostics": [d.to_json() for d in self.diagnostics],
            "inputs": self.inputs,
            "seed": self.seed,
            "reference": self.reference,
            "seconds": self.seconds,
            "peak_memory": self.peak_memory,
            "inner_tensors": self.inner,
        }


def shortfall(found: Comparison, least_db: float) -> str:
    """Return what is wrong with a comparison that does not pass."""
    if not found.positions_match:
        return "NaN or infinity in other places"
    if found.integer:
        return counted(found.mismatches, "entry differs", "entries differ")
    if found.zero_reference:
        return f"off by up to {found.max_abs_error:.3g} where the reference is 0"
    return f"SQNR {found.sqnr_db:.1f} dB, needs {least_db:.1f} dB"
