"""The weight file: a header, then for every constant 64 bytes of metadata and its packed data.

All is little-endian and aligned to 64 bytes. Types below 8 bits are a stream of bits, the lowest
first, padded to whole bytes. Constants with equal bytes and type are stored once.
"""

from __future__ import annotations

import struct
from typing import IO

import numpy as np

from .half import to_half
from .program import Array

ALIGNMENT = 64
SAMPLE = 256
"""Bytes in which most constants of one size differ already."""
PIECE = 1 << 20
"""Bytes of a stored constant that are read back at a time."""
SENTINEL = 0xDEADBEEF
VERSION = 2
TYPE_CODES = {
    "fp16": 1,
    "fp32": 2,
    "uint8": 3,
    "int8": 4,
    "int16": 6,
    "uint16": 7,
    "int4": 8,
    "uint1": 9,
    "uint2": 10,
    "uint4": 11,
    "uint3": 12,
    "uint6": 13,
    "int32": 14,
    "uint32": 15,
}
BITS = {"int4": 4, "uint1": 1, "uint2": 2, "uint3": 3, "uint4": 4, "uint6": 6}


class WeightFile:
    """Appends constants to a file open for writing and reading; `close` writes the header.

    No constant is kept: one that begins like a stored one is compared with what the file holds.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self._stored: dict[tuple[str, int, bytes], list[int]] = {}
        self._count = 0
        self._end = file.write(struct.pack("<II", 0, VERSION).ljust(ALIGNMENT, b"\0"))

    def add(self, dtype: str, data: Array) -> int:
        """Store a constant; returns the offset of its metadata, which a blob value refers to."""
        raw, spare = pack(dtype, data)
        view = np.ascontiguousarray(raw).reshape(-1).view(np.uint8)
        key = dtype, view.nbytes, view[:SAMPLE].tobytes()
        alike = self._stored.setdefault(key, [])
        for offset in alike:
            if self._holds(offset + ALIGNMENT, view):
                return offset
        alike.append(self._append(dtype, view, spare))
        return alike[-1]

    def _holds(self, start: int, view: Array) -> bool:
        """Say whether the bytes from `start` are those of `view`."""
        self.file.seek(start)
        pieces = (view[at : at + PIECE] for at in range(0, view.nbytes, PIECE))
        same = all(self.file.read(piece.nbytes) == piece.tobytes() for piece in pieces)
        self.file.seek(self._end)
        return same

    def _append(self, dtype: str, view: Array, spare: int) -> int:
        offset = self._align()
        head = (SENTINEL, TYPE_CODES[dtype], view.nbytes, offset + ALIGNMENT, spare)
        self._end += self.file.write(struct.pack("<IIQQQ", *head).ljust(ALIGNMENT, b"\0"))
        self._end += self.file.write(view.data)
        self._count += 1
        return offset

    def _align(self) -> int:
        self._end += self.file.write(b"\0" * (-self._end % ALIGNMENT))
        return self._end

    def close(self) -> None:
        """Write how many constants there are."""
        self._align()
        self.file.seek(0)
        self.file.write(struct.pack("<II", self._count, VERSION))


def pack(dtype: str, data: Array) -> tuple[Array, int]:
    """Return the bytes of a constant and the number of unused bits in the last one."""
    bits = BITS.get(dtype)
    if bits is None:
        return to_half(data) if dtype == "fp16" and data.dtype == np.float32 else data, 0
    codes = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    places = (codes[:, None] >> np.arange(bits, dtype=np.uint8)) & 1
    return np.packbits(places.reshape(-1), bitorder="little"), -codes.size * bits % 8
