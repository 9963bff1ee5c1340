"""Cheaper functions in the place of Gelu: opt-in, as it changes the numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mmc.diagnostics import UsageError
from mmc.ir import Model, Node, Value, attrs, dtype_of
from mmc.pass_manager import Contract, Pass
from mmc.pattern import Builder, NoMatch, Rule, apply_rules, op, rewrite

SLOPE = 1.702
"""sigmoid(1.702 x) is the logistic function nearest to the normal distribution's."""


@dataclass(frozen=True)
class SubstituteGelu(Pass):
    """gelu(x)  ->  its tanh form, x sigmoid(1.702 x), or hardswish(1.702 x) / 1.702.

    They differ from gelu(x) by at most 0.0005, 0.021 and 0.07 for any x.
    """

    name = "substitute-gelu"
    contract = Contract.LOSSY
    budget_db: ClassVar[float] = 10.0
    form: str = "tanh"
    """tanh, sigmoid or hard-swish."""

    def run(self, model: Model) -> int:
        """Return the number of Gelus replaced."""
        if self.form not in FORMS:
            raise UsageError(
                "MMC191",
                f"pass {self.name}",
                f"has no form {self.form!r}",
                fix=f"its forms: {', '.join(FORMS)}",
            )
        return apply_rules(model, [FORMS[self.form]])


def substitution(build: Callable[[Builder, Value, Node], Value]) -> Rule:
    """Make a rule that replaces Gelu."""
    return rewrite(op.Gelu("x").named("n"), stage="substitute", contract=Contract.LOSSY)(build)


@substitution
def gelu_by_tanh(out: Builder, x: Value, n: Node) -> Value:
    """gelu(x)  ->  x / 2 (1 + tanh(√(2/π) (x + 0.044715 x³)))."""
    if attrs(n)["approximate"] == "tanh":
        raise NoMatch("it has that form")
    return out.Gelu(x, approximate="tanh")


@substitution
def gelu_by_sigmoid(out: Builder, x: Value, n: Node) -> Value:
    """gelu(x)  ->  x sigmoid(1.702 x)."""
    return out.Mul(x, out.Sigmoid(out.Mul(x, np.array(SLOPE, dtype_of(x)))))


@substitution
def gelu_by_hard_swish(out: Builder, x: Value, n: Node) -> Value:
    """gelu(x)  ->  hardswish(1.702 x) / 1.702  =  x hardsigmoid(1.702 x)."""
    slope = np.array(SLOPE, dtype_of(x))
    return out.Mul(out.HardSwish(out.Mul(x, slope)), 1 / slope)


FORMS = {"tanh": gelu_by_tanh, "sigmoid": gelu_by_sigmoid, "hard-swish": gelu_by_hard_swish}
