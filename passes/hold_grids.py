"""Apply the rules of stage `hold`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class HoldGrids(RulePass):
    """Write the activations that a model rounds as floats on a grid (the rules of stage `hold`)."""

    name = "hold-grids"
    stage = "hold"
