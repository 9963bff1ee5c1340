"""Apply the rules of stage `fuse`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class Fuse(RulePass):
    """Merge neighbours into one operator (the rules of stage `fuse`)."""

    name = "fuse"
    stage = "fuse"
