"""Apply the rules of stage `canonicalize`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class Canonicalize(RulePass):
    """Bring every spelling of the same thing to one form (the rules of stage `canonicalize`)."""

    name = "canonicalize"
    stage = "canonicalize"
