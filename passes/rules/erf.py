"""The error function, which neither TFLite nor the NPUs have."""

from __future__ import annotations

from mmc.ir import Value
from mmc.pattern import Builder, op, rewrite

from .parts import number, polynomial

COEFFICIENTS = (
    1.1283792742592254,
    0.10276905673529894 * 4**2,
    -0.00019183352655533032 * 4**4,
    -0.000619782425355278 * 4**6,
    8.763674804001544e-05 * 4**8,
    -5.668428387937483e-06 * 4**10,
    1.4185180526479896e-07 * 4**12,
)
"""Of P(u), u = (x/4)²: a minimax fit of atanh(erf(x)) / x, weighted by erf's relative error.

With u instead of x² no coefficient is too small for float16.
"""


@rewrite(op.Erf("x"), stage="decompose")
def erf(out: Builder, x: Value) -> Value:
    """erf(x)  ->  tanh(x P((x/4)²)), within 1e-7 of erf(x) relatively."""
    quarter = out.Mul(x, number(x, 0.25))
    u = out.Mul(quarter, quarter)
    return out.Tanh(out.Mul(x, polynomial(out, u, x, COEFFICIENTS)))
