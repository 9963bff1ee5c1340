"""Apply the rules of stage `fuse`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.ir import Model
from mmc.pass_manager import Contract, Pass
from mmc.pattern import apply_rules, rules_of


@dataclass(frozen=True)
class Fuse(Pass):
    """Merge neighbours into one operator (the rules of stage `fuse`)."""

    name = "fuse"
    contract = Contract.REASSOCIATES

    def run(self, model: Model) -> int:
        """Return the number of rewrites."""
        return apply_rules(model, rules_of("fuse"))
