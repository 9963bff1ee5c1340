"""Apply the rules of stage `attention`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class FuseAttention(RulePass):
    """Recognise attention (the rules of stage `attention`)."""

    name = "fuse-attention"
    stage = "attention"
