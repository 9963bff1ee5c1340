"""The weights of convolutions of few filters."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array

RNG = np.random.default_rng(1)
FILTERS: dict[str, Array] = {
    "few1": RNG.standard_normal((1, 5, 5, 8)).astype(np.float32),
    "few2": RNG.standard_normal((2, 1, 200, 1)).astype(np.float32),
    "few8": RNG.standard_normal((8, 5, 5, 8)).astype(np.float32),
    "two5": RNG.standard_normal((2, 1, 1, 5)).astype(np.float32),
    "pair5": RNG.standard_normal((2, 5)).astype(np.float32),
    "few_bias": np.array([0.5, -1.0], np.float32),
}
