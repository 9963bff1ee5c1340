"""Apply the rules of stages `many-axes` and `hexagon`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.ir import Model, Node
from mmc.passes.rules.reshapes import reshape_to_same
from mmc.pattern import Rule, rules_of
from mmc.rule_pass import RulePass, only_where


@dataclass(frozen=True)
class MergeAxes(RulePass):
    """Let operators of more axes than an NPU takes work on fewer, and longer, ones."""

    name = "merge-axes"
    stage = "many-axes"
    above: int = 0
    """Leave operators alone that have no more axes than this; 0: those that Hexagon takes, which
    has forms of its own of others too (the rules of stage `hexagon`)."""

    def rules(self) -> list[Rule]:
        """Return the rules of the stage, and that of reshapes that do nothing."""
        found = super().rules()
        if not self.above:
            return [*found, *rules_of("hexagon"), reshape_to_same]
        fits = [only_where(rule, lambda node: axes_of(node) > self.above) for rule in found]
        return [*fits, reshape_to_same]

    def run(self, model: Model) -> int:
        """Return the number of rewrites."""
        if self.above and not any(axes_of(node) > self.above for node in model.graph):
            return 0
        return super().run(model)


def axes_of(node: Node) -> int:
    """Return the largest number of axes of what a node reads and makes."""
    values = [v for v in (*node.inputs, *node.outputs) if v is not None and v.shape is not None]
    return max((len(v.shape or ()) for v in values), default=0)
