"""Hold a Hexagon table against the vendor's tools, an operator at a time: `mmc targets verify`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmc.diagnostics import UsageError
from mmc.staging import working_folder
from mmc.target import Target, Verdict

from . import vendor
from .case import Case
from .cases import all_cases
from .generate import INSIDE
from .measure import judged

SCHEMA = "mmc.verify-report/1"


@dataclass(frozen=True)
class Difference:
    """An operator of which the table says another thing than the vendor.

    Attributes:
        op, cell, feature: the row of the table, as in `mmc.target`.
        table: the table's verdict: "yes", "no", "no-compile" or "unknown".
        vendor: "yes", "no", or "no-compile" where it is selected and then not compiled.
        reason: the vendor's words for a refusal.
    """

    op: str
    cell: str
    feature: str
    table: str
    vendor: str
    reason: str

    @property
    def refused(self) -> bool:
        """Whether the table allows what the vendor refuses: it would stop a user's model."""
        return self.table == "yes"


@dataclass(frozen=True)
class TargetVerification:
    """What came out: `asked` forms of operators, and where table and vendor differ."""

    target: str
    versions: str
    asked: int
    seconds: float
    differences: tuple[Difference, ...]

    @property
    def refused(self) -> int:
        """How many forms the table allows and the vendor refuses."""
        return sum(d.refused for d in self.differences)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON's types."""
        return {"schema": SCHEMA, **asdict(self), "refused": self.refused}


def verify(
    target: Target,
    operators: Sequence[str] = (),
    told: Callable[[str], None] = lambda text: None,
) -> TargetVerification:
    """Ask the vendor for every measured form of these operators (all of them if none are named).

    Args:
        told: hears how far it is.
    Raises:
        UsageError: MMC014 if the target is no Hexagon, MMC239 without the vendor's wheels, MMC003
            if an operator has no case.
    """
    cases = chosen(target, operators)
    start, found = time.perf_counter(), []
    with working_folder() as folder:
        for number, case in enumerate(cases):
            told(f"{number} of {len(cases)}, {' '.join(filter(None, case.key))}")
            found += compared(case, target, folder)
    seconds = time.perf_counter() - start
    return TargetVerification(
        target.name, vendor.installed().versions, len(cases), seconds, tuple(found)
    )


def chosen(target: Target, operators: Sequence[str]) -> list[Case]:
    """Return the cases of these operators; raises as `verify`."""
    if target.family != "hexagon":
        fix = "choose a hexagon_* target: only its table has a vendor to ask on this machine"
        raise UsageError("MMC014", "mmc targets verify", f"is not for {target.name}", fix=fix)
    if reason := vendor.missing():
        what = "Qualcomm's compiler cannot be asked"
        raise UsageError("MMC239", "mmc targets verify", what, why=reason, fix=vendor.INSTALL)
    cases = list(all_cases())
    known = sorted({case.op for case in cases})
    for name in operators:
        if name not in known:
            fix = f"choose of: {', '.join(known)}"
            raise UsageError("MMC003", f"--op {name}", "is no measured operator", fix=fix)
    return [case for case in cases if not operators or case.op in operators]


def compared(case: Case, target: Target, folder: Path) -> list[Difference]:
    """Return the difference of table and vendor on one case, if there is one."""
    op, cell, feature = case.key
    said = target.support(op, cell, feature.split("+") if feature else ()).verdict
    verdict, reason = judged(case, target.architecture, folder)
    verdict = "yes" if verdict == INSIDE else verdict
    taken = said is Verdict.WRONG and verdict == "yes"  # the vendor does not know, or does not say
    if said.value == verdict or taken:
        return []
    return [Difference(op, cell, feature, said.value, verdict, reason)]
