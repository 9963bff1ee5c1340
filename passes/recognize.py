"""Apply the rules of stage `recognize`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.ir import Model
from mmc.pass_manager import Contract, Pass
from mmc.pattern import apply_rules, rules_of


@dataclass(frozen=True)
class Recognize(Pass):
    """Recognise operators in what exporters decompose them to (the rules of stage `recognize`)."""

    name = "recognize"
    contract = Contract.REASSOCIATES

    def run(self, model: Model) -> int:
        """Return the number of rewrites."""
        return apply_rules(model, rules_of("recognize"))
