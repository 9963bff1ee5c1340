"""Sub-byte integers as TFLite stores them: flat over the tensor, lowest bits first, no padding."""

from __future__ import annotations

import math

import numpy as np

from .program import NUMPY_TYPES, Array, Tensor

BITS = {"INT4": 4, "INT2": 2}


def stored_bytes(dtype: str, shape: tuple[int, ...]) -> int:
    """Return how many bytes a constant of this type and shape takes in the file."""
    count = math.prod(shape)
    bits = BITS.get(dtype) or 8 * np.dtype(NUMPY_TYPES[dtype]).itemsize
    return (count * bits + 7) // 8


def pack(codes: Array, bits: int) -> Array:
    """Return int8 `codes` packed to `bits` (2 or 4) each: (ceil(size * bits / 8),) uint8.

    Raises:
        ValueError: if a code does not fit into `bits`; cutting it off would change its value.
    """
    flat = codes.astype(np.int8, copy=False).reshape(-1)
    if flat.size and (flat.min() < -(1 << bits - 1) or flat.max() >= 1 << bits - 1):
        raise ValueError(f"codes {flat.min()}..{flat.max()} do not fit into {bits} bits")
    per_byte = 8 // bits
    fields = np.zeros((-(-flat.size // per_byte), per_byte), np.uint8)
    fields.reshape(-1)[: flat.size] = flat.view(np.uint8) & ((1 << bits) - 1)
    packed = fields[:, 0].copy()
    for place in range(1, per_byte):
        packed |= fields[:, place] << (place * bits)
    return packed


def unpack(packed: Array, bits: int, count: int) -> Array:
    """Return the `count` signed codes of `bits` each in `packed`, as (count,) int8."""
    per_byte = 8 // bits
    fields = np.empty((packed.size, per_byte), np.int8)
    for place in range(per_byte):
        up = 8 - bits * (place + 1)
        fields[:, place] = (packed << up).astype(np.uint8).view(np.int8) >> (8 - bits)
    return fields.reshape(-1)[:count]


def to_stored(tensor: Tensor) -> Array:
    """Return the constant of `tensor` as the contiguous array whose bytes the file holds."""
    assert tensor.data is not None
    if tensor.dtype in BITS:
        return pack(tensor.data, BITS[tensor.dtype])
    return np.ascontiguousarray(tensor.data)


def from_stored(raw: Array, dtype: str, shape: tuple[int, ...]) -> Array:
    """Return the stored bytes `raw` as an array of `shape`: a view, except for sub-byte types."""
    if dtype in BITS:
        return unpack(raw, BITS[dtype], math.prod(shape)).reshape(shape)
    return raw.view(NUMPY_TYPES[dtype]).reshape(shape)
