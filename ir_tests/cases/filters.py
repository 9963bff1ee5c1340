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
    "up2": RNG.standard_normal((3, 2, 2, 4)).astype(np.float32),
    "up13": RNG.standard_normal((3, 1, 3, 4)).astype(np.float32),
    "up31": RNG.standard_normal((3, 3, 1, 4)).astype(np.float32),
    "up16": RNG.standard_normal((16, 1, 1, 4)).astype(np.float32),
    "up3of4": RNG.standard_normal((3, 1, 1, 4)).astype(np.float32),
    "up5of4": RNG.standard_normal((5, 1, 1, 4)).astype(np.float32),
    "up_bias3": RNG.standard_normal(3).astype(np.float32),
    "up_bias16": RNG.standard_normal(16).astype(np.float32),
    "w3of9": RNG.standard_normal((3, 9)).astype(np.float32),
    "w3of3": RNG.standard_normal((3, 3)).astype(np.float32),
    "rows20": RNG.standard_normal((20, 2)).astype(np.float32),
    "to9": np.arange(9, dtype=np.int32)[None, None],
    "to3": np.arange(3, dtype=np.int32)[None, None],
    "one_to9": np.arange(1, 10, dtype=np.int32),
    "each15": RNG.standard_normal((5, 3)).astype(np.float32),
    "as253": np.array([2, 5, 3]),
    "as235": np.array([2, 3, 5]),
    "each5": RNG.standard_normal(5).astype(np.float32),
    "wave4": RNG.standard_normal((2, 2, 4, 1)).astype(np.float32),
    "wide22": RNG.standard_normal((3, 2, 2, 4)).astype(np.float32),
    "edges4": np.array([0, 0, 1, 2, 0, 0, 1, 3]),
    "none_four": np.array([0, 4]),
    "three_four": np.array([3, 4]),
    "less_more": np.array([-1, 2]),
    "no_more": np.array([0, 0]),
    "each9": RNG.standard_normal(9).astype(np.float32),
    "other9": RNG.standard_normal((1, 9)).astype(np.float32),
    "each95": RNG.standard_normal((5, 9)).astype(np.float32),
    "w_half": RNG.standard_normal((3, 2)).astype(np.float16),
    "two_half": np.float16(2),
    "slopes3": np.array([0.25, 0.0, 2.0], np.float32),
    "falling3": np.array([0.25, -0.5, 2.0], np.float32),
    "slopes83": np.full((8, 3), 0.5, np.float32),
    "again3of9": RNG.standard_normal((3, 9)).astype(np.float32),
    "few_bias": np.array([0.5, -1.0], np.float32),
}
