"""Weights and inputs of layers, drawn as real ones are."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1)


def weights(seed: int, rows: int = 6, columns: int = 32) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, columns)) * 10 ** rng.uniform(-3, 3)).astype(np.float32)


def inputs(seed: int, count: int, columns: int) -> np.ndarray:
    """Few causes behind many channels of different size, as layers have them."""
    rng = np.random.default_rng(seed)
    causes = rng.standard_normal((count, columns // 8)) @ rng.standard_normal(
        (columns // 8, columns)
    )
    noise = 0.3 * rng.standard_normal((count, columns))
    return ((causes + noise) * 10 ** rng.uniform(-1, 1, columns)).astype(np.float32)
