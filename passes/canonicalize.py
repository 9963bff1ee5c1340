"""Apply the rules of stage `canonicalize`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.ir import Model
from mmc.pass_manager import Contract, Pass
from mmc.pattern import apply_rules, rules_of


@dataclass(frozen=True)
class Canonicalize(Pass):
    """Bring every spelling of the same thing to one form (the rules of stage `canonicalize`)."""

    name = "canonicalize"
    contract = Contract.REASSOCIATES

    def run(self, model: Model) -> int:
        """Return the number of rewrites."""
        return apply_rules(model, rules_of("canonicalize"))
