"""Weights as integers, from the IR's DequantizeLinear to the compressed form that a version has.

iOS 18 stores 8 and 4 bits with a scale a channel or block, and 2 bits as a table times that scale.
Before it there are 8 bits a channel only: narrower codes take 8 there, a scale a block has no form.
"""

from __future__ import annotations

from math import prod

import numpy as np

from mmc.backends.lowering import Unsupported, place_of
from mmc.diagnostics import Diagnostic, Severity
from mmc.integers.integer_ops import dequantizer, is_unpacked
from mmc.ir import Node, Value, attrs, constant, shape_of

from .compressed import BLOCKS, palette, scaled, shift_scale, two_bit
from .emitter import Emitter
from .program import Array, Var

KINDS = {"int8": "int8", "uint8": "uint8", "int4": "int4", "uint4": "uint4", "int2": "int2"}
"""ONNX type of codes -> MIL type; int2 stands for the table."""
TABLE_BITS = (1, 2, 3, 4, 6, 8)
PLAIN = frozenset({"int8", "uint8"})
"""The codes that all versions have."""


def unpacker(value: Value | None) -> Node | None:
    """Return the DequantizeLinear of a constant that makes a value, if one does."""
    return dequantizer(value) if is_unpacked(value) else None


def unpacked(e: Emitter, node: Node, shape: tuple[int, ...]) -> Var:
    """Return the weight that a DequantizeLinear makes, in `shape`, in the float type of now.

    Raises:
        Unsupported: when the version has no form of it, or the scale is computed.
    """
    codes, scale, zero = (constant(v) for v in (*node.inputs, None)[:3])
    if codes is None or scale is None:
        raise Unsupported("its scale is computed")
    kind = KINDS.get(str(codes.dtype))
    if kind is None:
        raise Unsupported(f"weights of type {codes.dtype}", "use int8, int4 or int2 weights")
    plain = codes.astype(np.uint8 if kind[0] == "u" else np.int8).reshape(shape)
    held = scale.astype(np.float32).reshape(parts_of(node, scale, shape))
    offset = None if zero is None or not zero.any() else zero.astype(plain.dtype)
    return stored(e, plain, held, kind, None if offset is None else offset.reshape(held.shape))


def stored(e: Emitter, codes: Array, scale: Array, kind: str, offset: Array | None) -> Var:
    """Return (codes - offset) scale in the narrowest form that the version has."""
    if e.version < BLOCKS and kind not in PLAIN:
        e.program.findings.append(widened(e, kind))
        kind = "uint8" if kind[0] == "u" else "int8"
    if kind != "int2":
        return shift_scale(e, codes, scale, kind, offset)
    if offset is not None:
        raise Unsupported("2-bit weights with a zero point", "use int4 weights")
    return two_bit(e, codes, scale)


def widened(e: Emitter, kind: str) -> Diagnostic:
    """Return the note on codes that take more bits than they have."""
    return Diagnostic(
        "MMC226",
        Severity.NOTE,
        place_of("weights", e.sources),
        f"are {kind} codes, stored in 8 bits",
        "before iOS 18 Core ML has a scale a channel for 8-bit integers only",
        "compile for ane_ios18, where they take their own size",
    )


def looked_up(e: Emitter, node: Node) -> Var:
    """Return the weight that a LookupDequantize makes, in the float type of now.

    Raises:
        Unsupported: when the version has no form of it.
    """
    codes, table, scale = (constant(v) for v in node.inputs)
    assert codes is not None
    assert table is not None
    assert scale is not None
    bits = int(table.shape[1]).bit_length() - 1
    if 1 << bits != table.shape[1] or bits not in TABLE_BITS:
        raise Unsupported(f"tables of {table.shape[1]} numbers", "use 2, 4, 8, 16, 64 or 256")
    shape = (len(table), *(1,) * (codes.ndim - 1), table.shape[1], 1)
    x = palette(e, codes, table.reshape(shape), bits)
    if scale.size == 1 and scale.item() == 1:
        return x
    return scaled(e, x, scale.reshape((1,) * (codes.ndim - scale.ndim) + scale.shape))


def parts_of(node: Node, scale: Array, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape, of the rank of `shape`, in which scales lie: extents divide those of it.

    Raises:
        Unsupported: for blocks that are no part of one axis of a reshaped weight.
    """
    codes, block = shape_of(node.inputs[0]), attrs(node).get("block_size", 0)
    if scale.size == 1:
        return (1,) * len(shape)
    axis = attrs(node)["axis"] % len(codes)
    if not block and shape == codes:
        return tuple(d if a == axis else 1 for a, d in enumerate(shape))
    if block and shape == codes:
        return tuple(d // block if a == axis else d for a, d in enumerate(shape))
    if len(codes) == 2 and axis == 1 and shape[0] == codes[0]:
        inner = prod(shape[2:])
        if block % inner == 0:
            return (shape[0], codes[1] // block, *(1,) * (len(shape) - 2))
    fix = "use blocks that are multiples of the window's size, or a scale a channel (block = 0)"
    raise Unsupported(f"blocks of {block} in a weight of shape {list(shape)}", fix)
