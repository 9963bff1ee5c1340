"""Apply the rules of stage `heads`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class SplitHeads(RulePass):
    """Give the heads of attention an axis of their own (the rules of stage `heads`)."""

    name = "split-heads"
    stage = "heads"
