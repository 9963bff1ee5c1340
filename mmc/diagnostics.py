"""What mmc says when something is wrong: where, what, why and how to fix it, with a stable code."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """ERROR: no file is written. WARNING: not all on the NPU. NOTE: legal, could be better."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


OFF_NPU = frozenset({"MMC205", "MMC206", "MMC207", "MMC208", "MMC232"})
"""The codes that say "emitted, but runs on the CPU": what --require-npu turns into a failure."""

NOT_COMPILED = "MMC207"
"""The one of them that keeps every operator off the NPU: selected there, and then not compiled."""

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EBUSY)
"""What the system says of a place that is full, or that may not be written to (MMC401)."""


@dataclass(frozen=True)
class Diagnostic:
    """One finding: MMC1xx model, 2xx legality, 3xx quantization, 4xx emission, 5xx deployment."""

    code: str
    severity: Severity
    where: str
    what: str
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        head = f"{self.severity}[{self.code}] {self.where}: {self.what}"
        more = [f"  {k}: {v}" for k, v in (("why", self.why), ("fix", self.fix)) if v]
        return "\n".join([head, *more])

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON-ready strings."""
        return {k: str(v) for k, v in asdict(self).items()}


class MmcError(Exception):
    """Base of every error mmc raises on purpose; the CLI prints it and exits `exit_code`."""

    exit_code = 2
    result: object | None = None
    """What a compile had found before this error, for its report."""

    def __init__(self, code: str, where: str, what: str, *, why: str = "", fix: str = "") -> None:
        self.diagnostics: tuple[Diagnostic, ...] = (
            Diagnostic(code, Severity.ERROR, where, what, why, fix),
        )
        super().__init__(str(self.diagnostics[0]))


class UsageError(MmcError):
    """The command line or the arguments of a call are wrong."""


class ModelError(MmcError):
    """The model cannot be read, or is not what ONNX allows (MMC1xx)."""


class PassError(MmcError):
    """A pass failed or broke the model (MMC19x)."""


class EmitError(MmcError):
    """The artifact could not be written or executed (MMC4xx)."""


class RecipeError(MmcError):
    """A quantization recipe is wrong (MMC3xx)."""


class FindingsError(MmcError):
    """Several findings at once; exit code 1: the tool worked, the model does not pass."""

    exit_code = 1

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        Exception.__init__(self, "\n".join(str(d) for d in diagnostics))


class LegalityError(FindingsError):
    """The target cannot take the model (MMC2xx); holds every finding, never only the first."""


class VerifyError(FindingsError):
    """The artifact does not compute what the model computes (MMC4xx)."""


class BudgetError(FindingsError):
    """The artifact takes more than its budget (MMC512)."""


def refuse(diagnostics: Sequence[Diagnostic], require_npu: bool) -> None:
    """Raise LegalityError when a finding forbids writing the artifact."""
    forbidden = {Severity.ERROR, Severity.WARNING} if require_npu else {Severity.ERROR}
    if any(d.severity in forbidden for d in diagnostics):
        raise LegalityError([d for d in diagnostics if d.severity in forbidden])
