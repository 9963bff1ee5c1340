"""HardSwish in the place of SiLU: opt-in, as it changes the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmc.ir import Model, Node, Value, attrs
from mmc.matching import OpPattern
from mmc.pass_manager import Contract, Pass
from mmc.pattern import Builder, NoMatch, Rule, apply_rules, mmc_op, op, rewrite


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


def hard_swish(pattern: OpPattern) -> Rule:
    """Make a rule that replaces what `pattern` matches."""

    def silu_by_hard_swish(out: Builder, x: Value, n: Node) -> Value:
        """silu(x)  ->  hardswish(x)."""
        if n.op_type == "Swish" and attrs(n)["alpha"] != 1:
            raise NoMatch("its slope is not 1")
        return out.HardSwish(x)

    return rewrite(pattern.named("n"), stage="substitute", contract=Contract.LOSSY)(
        silu_by_hard_swish
    )


PATTERNS = (mmc_op.Silu("x"), op.Swish("x"), op.Mul("x", op.Sigmoid("x")))
RULES = [hard_swish(pattern) for pattern in PATTERNS]
