"""Apply the rules of stage `axes`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.ir import Model, Node
from mmc.passes.rules import many_axes
from mmc.passes.rules.reshapes import reshape_to_same
from mmc.pattern import Rule
from mmc.rule_pass import RulePass, only_where


@dataclass(frozen=True)
class MergeAxes(RulePass):
    """Let operators of more axes than an NPU takes work on fewer, and longer, ones."""

    name = "merge-axes"
    stage = "axes"
    above: int = 0
    """Leave operators alone that have no more axes than this; 0: those that Hexagon takes."""

    def rules(self) -> list[Rule]:
        """Return the rules of the stage, and that of reshapes that do nothing."""
        found = super().rules()
        if self.above:
            mine = [rule for rule in found if rule.build.__module__ == many_axes.__name__]
            found = [only_where(rule, lambda node: axes_of(node) > self.above) for rule in mine]
        return [*found, reshape_to_same]

    def run(self, model: Model) -> int:
        """Return the number of rewrites."""
        if self.above and not any(axes_of(node) > self.above for node in model.graph):
            return 0
        return super().run(model)


def axes_of(node: Node) -> int:
    """Return the largest number of axes of what a node reads and makes."""
    values = [v for v in (*node.inputs, *node.outputs) if v is not None and v.shape is not None]
    return max((len(v.shape or ()) for v in values), default=0)
