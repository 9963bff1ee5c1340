"""Compressed constants, and quantized tensors."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..blob import unpack_bits
from ..mil import Array
from ..operator import Context, UnsupportedError, operator
from .elementwise import cast
from .movement import listed


def along(values: Any, axis: Any, rank: int) -> Array:
    """Return a scalar, or a vector that lies on an axis, as floats."""
    found = np.asarray(values).astype(np.float32)
    if found.ndim == 0 or found.size == 1:
        return found.reshape(())
    shape = [1] * rank
    shape[int(axis)] = -1
    return found.reshape(shape)


@operator("constexpr_affine_dequantize")
def constexpr_affine_dequantize(
    quantized_data: Array, zero_point: Any, scale: Any, axis: Any
) -> Array:
    """scale (data - zero point), both scalars or vectors on an axis."""
    rank = quantized_data.ndim
    centred = quantized_data.astype(np.float32) - along(zero_point, axis, rank)
    return np.asarray(along(scale, axis, rank) * centred)


@operator("constexpr_cast")
def constexpr_cast(source_val: Array, output_dtype: str, context: Context) -> Array:
    """A constant in another type."""
    return np.asarray(cast(source_val, output_dtype, context))


def blocks(values: Array, shape: tuple[int, ...]) -> Array:
    """Return values repeated so that each covers its block of `shape`."""
    for axis, size in enumerate(shape):
        if size % values.shape[axis]:
            raise UnsupportedError(f"blocks {values.shape} in {shape}")
        values = np.repeat(values, size // values.shape[axis], axis)
    return values


@operator("constexpr_blockwise_shift_scale")
def constexpr_blockwise_shift_scale(
    data: Array, scale: Array, offset: Array | None = None
) -> Array:
    """scale (data - offset), each scale for one block of data."""
    centred = data.astype(np.float32)
    if offset is not None:
        centred = centred - blocks(offset.astype(np.float32), data.shape)
    return np.asarray(blocks(scale, data.shape) * centred)


@operator("constexpr_lut_to_dense")
def constexpr_lut_to_dense(
    indices: Array, lut: Array, context: Context, shape: Any = None, vector_axis: Any = None
) -> Array:
    """lut[indices]; iOS 16: packed indices and a shape; iOS 18: tables a block, and vectors."""
    if shape is not None:
        sizes, bits = listed(shape), int(lut.size).bit_length() - 1
        return np.asarray(lut[unpack_bits(indices, bits, prod(sizes))].reshape(sizes))
    found = looked_up(indices, lut)
    return joined(found, vector_axis)


def looked_up(indices: Array, lut: Array) -> Array:
    """Return the vectors (*shape, size) of indices, each from its block's table."""
    rank = indices.ndim
    tables = np.arange(prod(lut.shape[:rank])).reshape(lut.shape[:rank])
    flat = lut.reshape(-1, *lut.shape[rank:])
    return np.asarray(flat[blocks(tables, indices.shape), indices])


def joined(vectors: Array, vector_axis: Any) -> Array:
    """Return vectors laid along an axis."""
    if vectors.shape[-1] == 1:
        return vectors[..., 0]
    rank = vectors.ndim - 1
    axis = int(vector_axis) % rank
    shape = list(vectors.shape[:-1])
    shape[axis] *= vectors.shape[-1]
    return np.moveaxis(vectors, -1, axis + 1).reshape(shape)


@operator("constexpr_sparse_to_dense")
def constexpr_sparse_to_dense(nonzero_data: Array, mask: Array, shape: Any = None) -> Array:
    """The data where the mask is 1, else 0; iOS 16: a packed mask and a shape."""
    if shape is not None:
        sizes = listed(shape)
        mask = unpack_bits(mask, 1, prod(sizes)).reshape(sizes)
    found = np.zeros(mask.shape, nonzero_data.dtype)
    found[mask != 0] = nonzero_data
    return found


@operator("constexpr_lut_to_sparse")
def constexpr_lut_to_sparse(
    indices_mask: Array, indices_nonzero_data: Array, lut: Array, vector_axis: Any = None
) -> tuple[Array, Array]:
    """A mask, and the table's values at its ones."""
    dense = constexpr_sparse_to_dense(indices_nonzero_data, indices_mask)
    vectors = looked_up(dense, lut)
    mask = np.repeat(indices_mask[..., None], lut.shape[-1], -1)
    whole = joined(mask, vector_axis)
    return whole, joined(vectors, vector_axis)[whole != 0]


@operator("constexpr_sparse_blockwise_shift_scale")
def constexpr_sparse_blockwise_shift_scale(
    data_mask: Array, nonzero_data: Array, scale: Array, offset: Array | None = None
) -> tuple[Array, Array]:
    """A mask, and scale (data - offset) at its ones."""
    dense = constexpr_sparse_to_dense(nonzero_data, data_mask)
    return data_mask, constexpr_blockwise_shift_scale(dense, scale, offset)[data_mask != 0]


@operator("quantize")
def quantize(
    input: Array, scale: Any, output_dtype: str, zero_point: Any = 0, axis: Any = 0
) -> Array:
    """clip(round(input / scale) + zero point); halves are rounded to even."""
    rank, kind = input.ndim, np.iinfo(output_dtype)
    steps = np.round(input / along(scale, axis, rank)) + along(zero_point, axis, rank)
    return np.clip(steps, kind.min, kind.max).astype(output_dtype)


@operator("dequantize")
def dequantize(input: Array, scale: Any, zero_point: Any = 0, axis: Any = 0) -> Array:
    """scale (input - zero point)."""
    rank = input.ndim
    centred = input.astype(np.float32) - along(zero_point, axis, rank)
    return np.asarray(along(scale, axis, rank) * centred)
