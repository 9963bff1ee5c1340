"""Give a runtime its inputs in the types it declares, without changing a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mmc.diagnostics import EmitError

Array = npt.NDArray[Any]


def cast_exactly(name: str, value: Array, dtype: np.dtype[np.generic]) -> Array:
    """Return `value` as `dtype`: integers stay equal, finite floats stay finite.

    Raises:
        EmitError: MMC403 if floats meet integers, or a value is out of the type's range.
    """
    if value.dtype == dtype:
        return value
    real = dtype.kind in "fV"  # V: the 16-bit floats numpy does not know
    if (value.dtype.kind in "fV") != real:
        fix = f"prepare it as the model expects it, and give it as {dtype}"
        raise EmitError("MMC403", f"input {name!r}", f"is {value.dtype}, expected {dtype}", fix=fix)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = value.astype(dtype)
    same = np.isfinite(cast) == np.isfinite(value) if real else cast == value
    if not np.all(same):
        raise EmitError("MMC403", f"input {name!r}", f"has values outside the range of {dtype}")
    return cast


def check_names(where: str, given: set[str], expected: set[str]) -> None:
    """Raise EmitError MMC403 unless exactly the expected inputs are given."""
    wrong = [f"missing: {', '.join(sorted(expected - given))}"] * bool(expected - given)
    wrong += [f"unknown: {', '.join(sorted(given - expected))}"] * bool(given - expected)
    if wrong:
        known = f"the inputs are {', '.join(sorted(expected))}"
        raise EmitError("MMC403", where, "inputs " + "; ".join(wrong), fix=known)
