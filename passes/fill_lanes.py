"""Apply the rules of stage `lanes`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class FillLanes(RulePass):
    """Let convolutions of few filters compute several places at once: processors multiply many."""

    name = "fill-lanes"
    stage = "lanes"
