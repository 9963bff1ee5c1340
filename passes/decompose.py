"""Apply the rules of stage `decompose`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.ir import Model
from mmc.pass_manager import Contract, Pass
from mmc.pattern import apply_rules, rules_of


@dataclass(frozen=True)
class Decompose(Pass):
    """Replace operators that a backend has no form of by simpler ones."""

    name = "decompose"
    contract = Contract.REASSOCIATES
    keep: tuple[str, ...] = ()
    """Op types that the backend lowers natively."""

    def run(self, model: Model) -> int:
        """Return the number of rewrites."""
        rules = [r for r in rules_of("decompose") if not set(r.pattern.op_types) & set(self.keep)]
        return apply_rules(model, rules)
