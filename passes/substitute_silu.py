"""HardSwish in the place of SiLU: opt-in, as it changes the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmc.ir import Model, Value
from mmc.pass_manager import Contract, Pass
from mmc.pattern import Builder, apply_rules, mmc_op, op, rewrite


@dataclass(frozen=True)
class SubstituteSilu(Pass):
    """silu(x) = x sigmoid(x)  ->  hardswish(x).

    They differ by at most 0.15 for any x.
    """

    name = "substitute-silu"
    contract = Contract.LOSSY
    budget_db: ClassVar[float] = 10.0

    def run(self, model: Model) -> int:
        """Return the number of SiLUs replaced."""
        return apply_rules(model, RULES)


def silu_by_hard_swish(out: Builder, x: Value) -> Value:
    """silu(x)  ->  hardswish(x)."""
    return out.HardSwish(x)


PATTERNS = (mmc_op.Silu("x"), op.Mul("x", op.Sigmoid("x")))
"""ONNX's Swish is the second of them: loading a model writes it out."""

RULES = [
    rewrite(pattern, stage="substitute", contract=Contract.LOSSY)(silu_by_hard_swish)
    for pattern in PATTERNS
]
