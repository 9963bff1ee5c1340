"""Apply the rules of stage `hexagon`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class LegalizeHexagon(RulePass):
    """Bring what Qualcomm's compiler would fail on to forms that it compiles."""

    name = "legalize-hexagon"
    stage = "hexagon"
