"""Apply the rules of stage `linear`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.pattern import Rule, rules_of
from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class LegalizeCoreml(RulePass):
    """Bring operators to MIL's forms: constant matmuls as Linear, transposed operands marked."""

    name = "legalize-coreml"
    stage = "linear"
    grids: bool = False
    """Quantized activations are operators of their own, as Core ML has them from iOS 17 on."""

    def rules(self) -> list[Rule]:
        """Return the rules of stage `linear`, and with `grids` those of that stage."""
        return super().rules() + (rules_of("grid") if self.grids else [])
