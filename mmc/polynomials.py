"""Values that are polynomials of another one: one form for every order of sums and products."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from mmc.ir import Array, Node, Value, constant, dtype_of

DEGREE = 4
"""Nothing of a higher degree is looked for."""
DEPTH = 12
"""The longest chain of operators that is followed."""


def polynomial(value: Value | None, base: Value, depth: int = DEPTH) -> Array | None:
    """Return the coefficients c of value = c[0] + c[1] base + c[2] base² + ..., elementwise.

    None if it is no polynomial of `base` with numbers as coefficients, of degree 4 at most.
    """
    if value is base:
        return np.array([0.0, 1.0])
    known = constant(value) if value is not None else None
    if known is not None:
        return np.array([float(known.item())]) if known.size == 1 else None
    made = value.producer() if value is not None else None
    if made is None or made.domain or not depth or made.op_type not in COMBINED:
        return None
    parts = [polynomial(v, base, depth - 1) for v in made.inputs]
    if any(p is None for p in parts):
        return None
    found = COMBINED[made.op_type](made, *parts)
    return None if found is None or len(found) > DEGREE + 1 else found


def is_polynomial(value: Value, base: Value, *coefficients: float) -> bool:
    """Say whether `value` is that polynomial of `base`, as exactly as its type writes numbers."""
    found = polynomial(value, base)
    if found is None:
        return False
    kind = ml_dtypes.finfo(dtype_of(base))  # type: ignore[no-untyped-call]
    precision = max(1e-5, 2 * float(kind.eps))
    size = max(len(found), len(coefficients))
    wanted = np.pad(np.array(coefficients), (0, size - len(coefficients)))
    return bool(
        np.allclose(np.pad(found, (0, size - len(found))), wanted, rtol=precision, atol=1e-12)
    )


def divided(n: Node, a: Array, b: Array) -> Array | None:
    """Divide by a number."""
    return a / b[0] if len(b) == 1 and b[0] else None


def power(n: Node, a: Array, b: Array) -> Array | None:
    """Raise to a small whole number."""
    if len(b) > 1 or b[0] not in range(1, DEGREE + 1):
        return None
    found = a
    for _ in range(int(b[0]) - 1):
        found = np.convolve(found, a)
    return found


COMBINED: dict[str, Any] = {
    "Add": lambda n, a, b: np.polynomial.polynomial.polyadd(a, b),
    "Sub": lambda n, a, b: np.polynomial.polynomial.polysub(a, b),
    "Mul": lambda n, a, b: np.convolve(a, b),
    "Neg": lambda n, a: -a,
    "Div": divided,
    "Pow": power,
}
