"""The rounding floor: how much a model makes of errors that nobody can avoid.

The reference is run once more on inputs off by one rounding, with ONNX Runtime's optimizer on, and
again with such constants where an artifact is not near enough: what those runs change, no compiler
that reorders sums can keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

import numpy as np

from mmc.verification.casting import Array
from mmc.verification.evaluate import compare, sqnr
from mmc.verification.perturbation import EPSILON


def floor_db(name: str, exact: Array, perturbed: Iterable[Mapping[str, Array]]) -> float:
    """Return how far below a reference its own rounding is, by what perturbations made of it.

    Float values that are all multiples of a step up to float32's epsilon are what is left of larger
    numbers, such as a sigmoid far below zero: the reference says no more than that step.
    """
    found = [compare(name, exact, outputs[name]) for outputs in perturbed if name in outputs]
    floor = min((c.level_db for c in found if not c.integer), default=inf)
    values = exact[np.isfinite(exact) & (exact != 0)].astype(np.float64)
    step = coarsest_step(values)
    if exact.dtype.kind in "iub" or not 0 < step <= EPSILON:
        return floor
    return min(floor, sqnr(float(values @ values), values.size * step**2))


def coarsest_step(values: Array) -> float:
    """Return the largest power of two that divides all of the float64 values; 0 for none."""
    if not values.size:
        return 0.0
    mantissa, exponent = np.frexp(values)
    digits = (np.abs(mantissa) * 2.0**53).astype(np.int64)
    lowest = np.frexp((digits & -digits).astype(np.float64))[1] - 1
    return float(2.0 ** int((exponent - 53 + lowest).min()))
