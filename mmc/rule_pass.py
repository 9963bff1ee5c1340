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
    precise: bool = False
    """Leave out the rules after which rounding errors can be larger."""
    max_growth_bytes: int | None = None
    """Refuse a rewrite whose new constants take this much more than those that it frees."""

    def rules(self) -> list[Rule]:
        """Return the rules that this pass applies."""
        return [r for r in rules_of(self.stage) if not (self.precise and r.loses_digits)]

    def run(self, model: Model) -> int:
        """Return the number of rewrites."""
        return apply_rules(model, self.rules(), max_growth_bytes=self.max_growth_bytes)
