"""The numbers, and rows of a few, that cases name."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array

NUMBERS: dict[str, Array] = {
    "zero": np.float32(0),
    "one": np.float32(1),
    "two": np.float32(2),
    "three": np.float32(3),
    "six": np.float32(6),
    "sixth": np.float32(1 / 6),
    "ones5": np.ones(5, np.float32),
    "ones256": np.ones(256, np.float32),
    "halves55": (np.arange(25, dtype=np.float32).reshape(5, 5) - 12) / 2,
    "half": np.float32(0.5),
    "minus": np.float32(-1),
    "five": np.float32(5),
    "tenth": np.float32(0.1),
    "root": np.float32(0.5**0.5),
    "slope": np.float32((2 / np.pi) ** 0.5),
    "cubic": np.float32(0.044715),
    "epsilon": np.float32(1e-5),
    "lowest": np.float32(-3.4028235e38),
    "highest": np.float32(3.4028235e38),
    "large": np.float32(-1e9),
    "ten": np.float32(-10),
    "twenty": np.float32(20),
    "quarter": np.float32(0.25),
    "four": np.float32(4),
    "tiny": np.float32(1e-12),
    "billion": np.float32(1e9),
    "nan": np.float32(np.nan),
    "step1": np.float32(0.1),
    "large300": np.float32(300),
    "scale7": np.float32(0.7),
    "code12": np.float32(12),
    "code_12": np.float32(-12),
    "code_12_axes": np.full((1, 1, 1), -12, np.float32),
    "byte3": np.array(3, np.uint8),
    "ushort0": np.array(0, np.uint16),
    "short3": np.array(3, np.int16),
    "code_zero": np.array(-5, np.int8),
    "code_low": np.float32(-128),
    "code_high": np.float32(127),
    "code_top": np.float32(255),
    "grown": np.array([2, 3, 4, 5, 2, 3]),
    "ends": np.array([-1, 0]),
    "copies": np.array([1, 2, 1, 1, 3, 1]),
}
