"""Apply the rules of stage `axes`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.passes.rules.reshapes import reshape_to_same
from mmc.pattern import Rule
from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class MergeAxes(RulePass):
    """Let operators of more axes than an NPU takes work on fewer, and longer, ones."""

    name = "merge-axes"
    stage = "axes"

    def rules(self) -> list[Rule]:
        """Return the rules of the stage, and that of reshapes that do nothing."""
        return [*super().rules(), reshape_to_same]
