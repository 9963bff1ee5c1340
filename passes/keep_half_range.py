"""Apply the rules of stage `half`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class KeepHalfRange(RulePass):
    """Bring operators to forms whose inner values stay within float16 (the rules of stage `half`).

    Before `decompose`, which takes the same operators apart as they are.
    """

    name = "keep-half-range"
    stage = "half"
