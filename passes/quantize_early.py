"""Apply the rules of stage `early`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class QuantizeEarly(RulePass):
    """Make codes of floats before they are pooled or moved: codes are a quarter of the bytes."""

    name = "quantize-early"
    stage = "early"
