"""Weights that stay compressed in the package: each form is an operation on constants.

iOS 18 has shift and scale by blocks, tables of 1, 2, 3, 4, 6 or 8 bits by groups, and masks, and
lets one follow another: two-bit integers are a table (-2, -1, 0, 1) times a scale by blocks. iOS 16
has 8-bit integers by channel, one table for a whole tensor, and masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmc.backends.lowering import Unsupported

from .emitter import Emitter
from .program import NUMPY_TYPES, Array, Var
from .weights import pack

BLOCKS = 9
"""The specification that has the forms of iOS 18."""
TWO_BITS = (-2.0, -1.0, 0.0, 1.0)
"""What the codes 0 to 3 stand for."""


def shift_scale(
    e: Emitter, codes: Array, scale: Array, kind: str = "int8", offset: Array | None = None
) -> Var:
    """Return (codes - offset) * scale, codes int8, uint8, int4 or uint4.

    Args:
        scale: of the rank of `codes`; each extent divides that of `codes`: its blocks.
        offset: like scale, of the codes' type; 0 if it is left out.
    """
    if e.version < BLOCKS:
        return affine(e, codes, scale, kind, offset)
    parts: dict[str, Any] = {"data": part(e, codes, kind), "scale": part(e, scale, e.float)}
    if offset is not None:
        parts["offset"] = part(e, offset, kind)
    return constexpr(e, "constexpr_blockwise_shift_scale", codes.shape, parts)


def affine(e: Emitter, codes: Array, scale: Array, kind: str, offset: Array | None) -> Var:
    """Return (codes - offset) * scale by channel, as iOS 16 has it."""
    axes = [a for a, size in enumerate(scale.shape) if size > 1]
    axis = axes[0] if axes else 0
    if kind not in ("int8", "uint8") or len(axes) > 1 or scale.shape[axis] != codes.shape[axis]:
        raise Unsupported(f"{kind} weights by blocks", "compile for ane_ios18, or use int8 ones")
    zero = np.zeros(scale.shape, NUMPY_TYPES[kind]) if offset is None else offset
    parts = {
        "quantized_data": part(e, codes, kind),
        "zero_point": part(e, zero.reshape(-1), kind),
        "scale": part(e, scale.reshape(-1), e.float),
        "axis": e.typed(np.array(axis, np.int32), "int32"),
    }
    return constexpr(e, "constexpr_affine_dequantize", codes.shape, parts)


def palette(e: Emitter, indices: Array, table: Array, bits: int) -> Var:
    """Return table[indices], indices below 2**bits.

    Args:
        table: (groups along each axis of `indices`..., 2**bits, 1).
    """
    kind = f"uint{bits}"
    if e.version >= BLOCKS:
        parts = {"indices": part(e, indices, kind), "lut": part(e, table, e.float)}
        return constexpr(e, "constexpr_lut_to_dense", indices.shape, parts)
    if table.size != 1 << bits:
        fix = "compile for ane_ios18, or use one table for all: group = 0 in the recipe"
        raise Unsupported("a table for each group of channels", fix)
    if bits == 3:
        raise Unsupported("tables of 3 bits", "compile for ane_ios18, or use table2 or table4")
    packed = pack(kind, indices.astype(np.uint8))[0].reshape(-1)
    parts = {
        "indices": part(e, packed, "uint8"),
        "lut": part(e, table.reshape(-1), e.float),
        "shape": part(e, np.array(indices.shape), "uint32"),
    }
    return constexpr(e, "constexpr_lut_to_dense", indices.shape, parts)


def two_bit(e: Emitter, codes: Array, scale: Array) -> Var:
    """Return codes * scale, codes in [-2, 1]: a two-bit table, then its scale by blocks."""
    table = np.array(TWO_BITS, np.float32).reshape((1,) * codes.ndim + (4, 1))
    return scaled(e, palette(e, codes + 2, table, 2), scale)


def scaled(e: Emitter, x: Var, scale: Array) -> Var:
    """Return a decompressed constant times a scale by blocks (iOS 18)."""
    if e.version < BLOCKS:
        raise Unsupported("a scaled table", "compile for ane_ios18")
    parts = {"data": x, "scale": part(e, scale, e.float)}
    return constexpr(e, "constexpr_blockwise_shift_scale", x.shape, parts)


def sparse(e: Emitter, dense: Array) -> Var:
    """Return an array that is stored as its non-zero numbers and where they are."""
    mask = (dense != 0).astype(np.uint8)
    parts = {"nonzero_data": part(e, dense[dense != 0], e.float)}
    if e.version >= BLOCKS:
        parts["mask"] = part(e, mask, "uint1")
    else:
        parts["mask"] = part(e, pack("uint1", mask)[0], "uint8")
        parts["shape"] = part(e, np.array(dense.shape), "uint32")
    return constexpr(e, "constexpr_sparse_to_dense", dense.shape, parts)


def part(e: Emitter, array: Array, kind: str) -> Var:
    """Return a part of a compressed constant in its own type."""
    return e.typed(np.ascontiguousarray(array).astype(NUMPY_TYPES[kind]), kind)


def constexpr(e: Emitter, code: str, shape: Sequence[int], parts: dict[str, Any]) -> Var:
    """Append the operation; its result counts as a constant."""
    made = e.op(code, shape, e.float, **parts)
    made.fixed = True
    return made
