"""Apply the rules of stage `tflite`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.pattern import Rule, rules_of
from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class LegalizeTflite(RulePass):
    """Bring operators to TFLite's forms: constant matmuls as Linear, fused activations."""

    name = "legalize-tflite"
    stage = "tflite"

    def rules(self) -> list[Rule]:
        """Return the rules of stages `linear` and `tflite`."""
        linear = [r for r in rules_of("linear") if not (self.precise and r.loses_digits)]
        return [*linear, *super().rules()]
