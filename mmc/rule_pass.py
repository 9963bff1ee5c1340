"""Passes that are a stage of rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from mmc.ir import Model, Node
from mmc.pass_manager import Contract, Pass
from mmc.pattern import Builder, NoMatch, Rule, apply_rules, rules_of


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


def only_where(rule: Rule, fits: Callable[[Node], bool]) -> Rule:
    """Return a rule that refuses where its root, which its pattern calls n, does not fit."""

    def build(out: Builder, n: Node, **bound: Any) -> Any:
        if not fits(n):
            raise NoMatch("it is not for this operator here")
        return rule.build(out, n=n, **bound)

    return replace(rule, build=build)
