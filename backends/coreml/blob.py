"""Read constants from a package's weight file, which is mapped, not loaded.

The file is little-endian: a header of 64 bytes (number of entries, version), then entries aligned
to 64 bytes. Metadata of an entry: a sentinel, a type code, the size in bytes, the offset of the
data and the number of unused bits in its last byte. Types below 8 bits are a stream of bits, the
lowest first. All of this was measured on files that coremltools wrote.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from math import prod
from pathlib import Path

import numpy as np

from mmc.diagnostics import EmitError

from .mil import BITS, STORED, Array, Blob, Type

ENTRY = struct.Struct("<IIQQQ")
SENTINEL = 0xDEADBEEF
CODES = {
    1: "FLOAT16",
    2: "FLOAT32",
    3: "UINT8",
    4: "INT8",
    6: "INT16",
    7: "UINT16",
    8: "INT4",
    9: "UINT1",
    10: "UINT2",
    11: "UINT4",
    12: "UINT3",
    13: "UINT6",
    14: "INT32",
    15: "UINT32",
}


def mapped(path: Path) -> Array:
    """Return the file's bytes; raises EmitError MMC421 if there is none."""
    try:
        now = path.stat()
        return map_version(path, (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns))
    except (OSError, ValueError) as error:
        raise damaged(path, "cannot be read", str(error)) from error


@lru_cache(maxsize=8)
def map_version(path: Path, version: tuple[int, ...]) -> Array:
    """Return the file's bytes; `version` changes when another file takes the path."""
    return np.memmap(path, np.uint8, "r")


def damaged(path: Path, what: str, why: str = "") -> EmitError:
    """Return the error for a weight file that does not hold what the program says."""
    return EmitError("MMC421", str(path), what, why=why, fix="copy or export the package again")


def read_blob(folder: Path, blob: Blob) -> Array:
    """Return a constant in its stored type; raises EmitError MMC421 if the file is damaged."""
    return unpack(stored(folder, blob), blob.type)


def stored(folder: Path, blob: Blob) -> Array:
    """Return the bytes of a constant, mapped; raises EmitError MMC421 if the file is damaged."""
    path = folder / blob.file.removeprefix("@model_path/")
    if "\0" in blob.file or folder.resolve() not in path.resolve().parents:
        raise damaged(path, "lies outside the package")
    data, at = mapped(path), f"the entry at byte {blob.offset}"
    if blob.offset % 64 or blob.offset + 64 > data.size:
        raise damaged(path, f"{at} is not inside the file", f"it has {data.size} bytes")
    head = data[blob.offset : blob.offset + ENTRY.size].tobytes()
    sentinel, code, size, start, _ = ENTRY.unpack(head)
    if sentinel != SENTINEL or CODES.get(code, "") != same_width(blob.type.kind):
        raise damaged(path, f"{at} is no constant of type {blob.type.kind.lower()}")
    if size != stored_bytes(blob.type) or start + size > data.size:
        raise damaged(path, f"{at} has {size} bytes that do not fit", f"shape {blob.type.shape}")
    return data[start : start + size]


def same_width(kind: str) -> str:
    """Return the type that the file says for `kind`: truth values are stored as bytes."""
    return "UINT8" if kind == "BOOL" else kind


def stored_bytes(kind: Type) -> int:
    """Return how many bytes a packed tensor takes."""
    bits = BITS.get(kind.kind, 8 * STORED[kind.kind].itemsize)
    return (prod(kind.shape) * bits + 7) // 8


def unpack(raw: Array, kind: Type) -> Array:
    """Return the values in `raw`, one an element."""
    bits = BITS.get(kind.kind)
    if bits is None:
        return raw.view(STORED[kind.kind]).reshape(kind.shape)
    values = unpack_bits(raw, bits, prod(kind.shape)).reshape(kind.shape)
    return ((values ^ 8).astype(np.int8) - 8).astype(np.int8) if kind.kind == "INT4" else values


def unpack_bits(raw: Array, bits: int, count: int) -> Array:
    """Return `count` unsigned numbers from a stream of bits, the lowest first."""
    stream = np.unpackbits(np.asarray(raw), bitorder="little", count=count * bits)
    powers = (1 << np.arange(bits)).astype(np.uint8)
    return np.asarray((stream.reshape(count, bits) * powers).sum(axis=1, dtype=np.uint8))
