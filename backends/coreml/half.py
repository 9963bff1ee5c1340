"""float32 to float16, as numpy rounds, several times as fast: weights are most of a compile.

numpy converts number by number. Here integer arithmetic on blocks that fit the cache does the same:
a normal float16 has the sign, the lowest five bits of the exponent less 112, and the upper ten bits
of the mantissa, rounded to even. What float16 holds as 0 or with fewer digits is left to numpy.
"""

from __future__ import annotations

import numpy as np

from .program import Array

BLOCK = 1 << 16
"""Numbers converted at a time."""
TILE = 256
"""Rows and columns that are transposed at a time."""
LEAST_NORMAL = 0x38800000
"""The bits of 2**-14."""
MAGNITUDE = 0x7FFFFFFF


def to_half(array: Array) -> Array:
    """Return finite float32 numbers of magnitude up to 65504 as float16, in C order."""
    if array.size < BLOCK:
        return array.astype(np.float16, order="C")
    if array.ndim == 2 and array.T.flags.c_contiguous and not array.flags.c_contiguous:
        return transposed(to_half(array.T))
    made = np.empty(array.shape, np.float16)
    source, target = np.ascontiguousarray(array).reshape(-1), made.reshape(-1)
    for start in range(0, source.size, BLOCK):
        round_block(source[start : start + BLOCK], target[start : start + BLOCK])
    return made


def round_block(source: Array, target: Array) -> None:
    """Round contiguous numbers into a place for them."""
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
    small = np.flatnonzero((bits & MAGNITUDE) < LEAST_NORMAL)
    if small.size:
        target[small] = source[small].astype(np.float16)


def transposed(array: Array) -> Array:
    """Return a matrix's transpose in C order, copied tile by tile."""
    made: Array = np.empty(array.shape[::-1], array.dtype)
    for row in range(0, made.shape[0], TILE):
        for column in range(0, made.shape[1], TILE):
            made[row : row + TILE, column : column + TILE] = array[
                column : column + TILE, row : row + TILE
            ].T
    return made
