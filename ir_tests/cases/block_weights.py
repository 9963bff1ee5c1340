"""The constants of blocks of pixels and of reordered channels."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array

BLOCKS: dict[str, Array] = {
    "blocks_dcr": np.array([1, 2, 2, 2, 6, 6]),
    "blocks_crd": np.array([1, 2, 2, 2, 6, 6]),
    "blocks_deep": np.array([1, 8, 3, 2, 3, 2]),
    "image12": np.array([1, 2, 12, 12]),
    "image3": np.array([1, 32, 3, 3]),
    "flat36": np.array([8, 36]),
    "corner00": np.array([0, 0]),
    "corner01": np.array([0, 1]),
    "corner10": np.array([1, 0]),
    "corner11": np.array([1, 1]),
    "corner66": np.array([6, 6]),
    "axes12": np.array([1, 2]),
    "twice2": np.array([2, 2]),
    "turned4": np.array([2, 0, 3, 1]),
    "twice4": np.array([2, 0, 2, 1]),
    "rct": np.ones((1, 5, 2), np.float32),
    "rst": np.zeros((1, 5, 2), np.float32),
    "up6": np.array([1, 1, 5, 6]),
    "turned200": np.arange(200)[::-1],
    "conv200": np.eye(200, dtype=np.float32)[:, :, None, None],
}
