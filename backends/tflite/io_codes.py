"""Codes of the inputs and outputs of an artifact, and the numbers that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from .program import Array


def as_codes(value: Array, kind: np.dtype[Any], scale: float, zero: int) -> Array:
    """Return floats as the codes of a quantized tensor; anything else as it is."""
    if value.dtype.kind != "f" or kind.kind not in "iu" or not scale:
        return value
    ends = np.iinfo(kind)
    codes: Array = np.rint(value / np.float32(scale)) + zero
    return codes.clip(ends.min, ends.max).astype(kind)


def as_numbers(codes: Array, kind: np.dtype[Any], scale: float, zero: int) -> Array:
    """Return what the codes of a quantized tensor stand for; anything else as it is."""
    if kind.kind not in "iu" or not scale:
        return codes
    return np.asarray((codes.astype(np.float32) - zero) * np.float32(scale))
