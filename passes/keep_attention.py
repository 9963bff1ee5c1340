"""Apply the rules of stage `whole-attention`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class KeepAttention(RulePass):
    """Keep attention in one operator, in the form that Core ML has from iOS 18 on."""

    name = "keep-attention"
    stage = "whole-attention"
