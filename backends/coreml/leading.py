"""Constants that begin alike at every size: the largest is written, the program takes its start.

Tables of positions, causal masks and buckets of distances are cut to the length of what is given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmc.backends.lowering import Unsupported

from .program import Array, Operation, Var

COMPUTED = frozenset(
    """x y a b cond values indices attn_mask query key value data updates ref_tensor""".split()
)
"""Operands that Core ML takes computed, whichever operator has them."""


def largest(name: str, operands: Sequence[Var]) -> tuple[Array, tuple[int, ...]]:
    """Return the constant that others are the start of, and along which axes; raises Unsupported.

    Args:
        name: the operand's name.
        operands: the constant at every size.
    """
    arrays = [np.asarray(v.data) for v in operands]
    extents = list(zip(*(a.shape for a in arrays), strict=True))
    axes = tuple(i for i, row in enumerate(extents) if len(set(row)) > 1)
    whole = max(arrays, key=lambda a: a.size)
    if name not in COMPUTED or not axes:
        raise Unsupported("it has other numbers at each size")
    for array in arrays:
        start = whole[tuple(slice(size) for size in array.shape)]
        if not np.array_equal(start, array, equal_nan=array.dtype.kind == "f"):
            raise Unsupported("it has other numbers at each size")
    return whole, axes


def cut(
    start: str, table: Var, sizes: Sequence[Var | None], made: Var, before: Operation
) -> list[Operation]:
    """Return the operations that make the start of a table.

    Args:
        start: how names of the new values begin.
        sizes: of every axis its computed extent (1,), or None for all of it.
    """
    whole = [fixed(f"{start}_all{i}", [-1]) if s is None else s for i, s in enumerate(sizes)]
    size = Var(f"{start}_sizes", "int32", (len(whole),))
    axis = fixed(f"{start}_sizes_axis", 0)
    interleave = Var(f"{start}_interleave", "bool", (), np.array(False))
    joined = {"values": whole, "axis": [axis], "interleave": [interleave]}
    begin = fixed(f"{start}_begin", [0] * len(whole))
    part = {"x": [table], "begin": [begin], "size": [size]}
    return [
        Operation("concat", joined, [size], before.sources),
        Operation("slice_by_size", part, [made], before.sources),
    ]


def extent(
    start: str, source: Var, axis: int, factor: int, before: Operation
) -> tuple[Var, list[Operation]]:
    """Return a multiple of the extent of a computed variable as (1,), and what makes it."""
    rank = len(source.shape)
    shape = Var(f"{start}_shape", "int32", (rank,))
    size = Var(f"{start}_size", "int32", (1,))
    bounds = {"begin": fixed(f"{start}_at", [axis]), "end": fixed(f"{start}_to", [axis + 1])}
    part = {"x": [shape], **{name: [var] for name, var in bounds.items()}}
    made = [
        Operation("shape", {"x": [source]}, [shape], before.sources),
        Operation("slice_by_index", part, [size], before.sources),
    ]
    if factor == 1:
        return size, made
    many = Var(f"{start}_many", "int32", (1,))
    product = {"x": [size], "y": [fixed(f"{start}_factor", factor)]}
    return many, [*made, Operation("mul", product, [many], before.sources)]


def fixed(name: str, values: int | Sequence[int]) -> Var:
    """Return a constant of integers."""
    data = np.array(values, np.int32)
    return Var(name, "int32", data.shape, data)
