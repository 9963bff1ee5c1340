"""Arrays that tests draw."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array


def normal(*shape: int, seed: int = 0) -> Array:
    """Return N(0, 1) numbers of a shape, float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
