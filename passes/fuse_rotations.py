"""Apply the rules of stage `rotary`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class FuseRotations(RulePass):
    """Recognise rotary embeddings (the rules of stage `rotary`), before heads move."""

    name = "fuse-rotations"
    stage = "rotary"
