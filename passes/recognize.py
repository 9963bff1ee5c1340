"""Apply the rules of stage `recognize`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class Recognize(RulePass):
    """Recognise operators in what exporters decompose them to (the rules of stage `recognize`)."""

    name = "recognize"
    stage = "recognize"
