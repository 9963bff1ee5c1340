"""float32 to float16, as numpy rounds, several times as fast: weights are most of a compile.

numpy converts number by number. Here integer arithmetic on blocks that fit the cache does the same:
a normal float16 has the sign, the lowest five bits of the exponent less 112, and the upper ten bits
of the mantissa, rounded to even. What float16 holds as 0 or with fewer digits is left to numpy.
"""

from __future__ import annotations

import numpy as np

from .program import Array

LARGEST_HALF = 65504.0
BLOCK = 1 << 16
"""Numbers converted at a time."""
TILE = 256
"""Rows and columns that are transposed at a time."""
LEAST_NORMAL = 0x38800000
"""The bits of 2**-14."""
LARGEST = 0x477FE000
"""The bits of 65504."""
MAGNITUDE = 0x7FFFFFFF


def to_half(array: Array) -> Array | None:
    """Return float32 numbers as float16, in C order; None if one is not finite or beyond 65504."""
    if array.size < BLOCK:
        fits = not array.size or (np.abs(array).max() <= LARGEST_HALF)
        return array.astype(np.float16, order="C") if fits else None
    if array.ndim == 2 and array.T.flags.c_contiguous and not array.flags.c_contiguous:
        rows = to_half(array.T)
        return None if rows is None else transposed(rows)
    made = np.empty(array.shape, np.float16)
    source, target = np.ascontiguousarray(array).reshape(-1), made.reshape(-1)
    fits = all(
        round_block(source[start : start + BLOCK], target[start : start + BLOCK])
        for start in range(0, source.size, BLOCK)
    )
    return made if fits else None


def round_block(source: Array, target: Array) -> bool:
    """Round contiguous numbers into a place for them; say whether float16 can hold them."""
    bits = source.view(np.uint32)
    wide = bits >> 13
    wide &= 1
    wide += 0xFFF
    wide += bits
    wide >>= 13
    half = target.view(np.uint16)
    half[:] = wide
    half -= 0xC000
    half |= (bits >> 16).astype(np.uint16) & 0x8000
    magnitude = np.bitwise_and(bits, MAGNITUDE, out=wide)
    small = np.flatnonzero(magnitude < LEAST_NORMAL)
    if small.size:
        target[small] = source[small].astype(np.float16)
    return bool(magnitude.max() <= LARGEST)


def transposed(array: Array) -> Array:
    """Return a matrix's transpose in C order, copied tile by tile."""
    made: Array = np.empty(array.shape[::-1], array.dtype)
    for row in range(0, made.shape[0], TILE):
        for column in range(0, made.shape[1], TILE):
            made[row : row + TILE, column : column + TILE] = array[
                column : column + TILE, row : row + TILE
            ].T
    return made
