"""Large constants that a rewrite computes, kept in a file without a name instead of in memory."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable
from math import prod
from typing import BinaryIO

import numpy as np

from mmc.values import Array

SMALLEST = 1 << 20
"""Bytes from which on a constant is worth a file."""
CHUNK = 1 << 20
"""Bytes that are computed at once."""
PART = 1 << 23
"""Bytes that are written at once."""


def spilled(shape: tuple[int, ...], rows: Callable[[slice], Array]) -> Array:
    """Return a float32 array whose parts `rows(slice)` along the first axis are computed in turn.

    A large one is a view of a file that is gone with the array: no pages of it stay in memory that
    nobody reads, see `forget`.
    """
    size = prod(shape) * 4
    if size < SMALLEST or not shape:
        return np.asarray(rows(slice(None)), np.float32)
    step = max(1, CHUNK * shape[0] // size)
    with tempfile.TemporaryFile() as file:
        for start in range(0, shape[0], step):
            file.write(np.ascontiguousarray(rows(slice(start, start + step)), np.float32).data)
        file.flush()
        return np.asarray(np.memmap(file, np.float32, "r", shape=shape))


def write_and_forget(file: BinaryIO, data: memoryview, source: Array | None) -> None:
    """Write bytes that are those of `source`; what of it is mapped need not stay in memory."""
    for start in range(0, len(data), PART):
        file.write(data[start : start + PART])
        forget(source)


def forget(array: Array | None) -> None:
    """Let the pages of a mapped array leave memory; they are read again when asked for."""
    base = None if array is None else array.base
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)
