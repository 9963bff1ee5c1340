"""Apply the rules of stage `linear`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class LegalizeCoreml(RulePass):
    """Bring operators to MIL's forms: constant matmuls as Linear, transposed operands marked."""

    name = "legalize-coreml"
    stage = "linear"
