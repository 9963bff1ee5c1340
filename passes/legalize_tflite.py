"""Apply the rules of stage `tflite`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class LegalizeTflite(RulePass):
    """Bring operators to TFLite's forms: constant matmuls as Linear, fused activations."""

    name = "legalize-tflite"
    stage = "tflite"
