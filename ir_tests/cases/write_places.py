"""The places where cases write."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array

WRITE_PLACES: dict[str, Array] = {
    "both2": np.array([2, 2]),
    "both0": np.array([0, 0]),
    "oneAndThree": np.array([1, 3]),
    "both5": np.array([5, 5]),
    "sevenAnd4": np.array([1, 4]),
    "three1": np.array([3]),
    "maxima": np.arange(16).reshape(1, 4, 2, 2) * 4 + np.array([[0, 1], [2, 3]]),
    "size5": np.array([1, 4, 5, 5]),
}
