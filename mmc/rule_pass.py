"""Passes that are a stage of rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmc.ir import Model
from mmc.pass_manager import Contract, Pass
from mmc.pattern import Rule, apply_rules, rules_of


@dataclass(frozen=True)
class RulePass(Pass):
    """Applies the rules of one stage until none fits."""

    contract = Contract.REASSOCIATES
    stage: ClassVar[str]

    def rules(self) -> list[Rule]:
        """Return the rules that this pass applies."""
        return rules_of(self.stage)

    def run(self, model: Model) -> int:
        """Return the number of rewrites."""
        return apply_rules(model, self.rules())
