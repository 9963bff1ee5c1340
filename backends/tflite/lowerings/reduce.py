"""Reductions over axes. L1, L2, LogSum and their like are decomposed into these."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute, reshape
from mmc.ir import Node, attrs, constant, dtype_of, operand, shape_of

KERNELS = {
    "ReduceSum": "SUM",
    "ReduceMean": "MEAN",
    "ReduceMax": "REDUCE_MAX",
    "ReduceMin": "REDUCE_MIN",
    "ReduceProd": "REDUCE_PROD",
}
BOOLEAN = {"ReduceMax": "REDUCE_ANY", "ReduceMin": "REDUCE_ALL"}
MAX_RANK = 6
"""The float kernels run in XNNPACK, which has no more dimensions."""


@lowers(*KERNELS)
def reduce(e: Emitter, n: Node) -> None:
    """y = the sum, mean, ... of x over `axes` (all by default); no axes at all copy x."""
    x, shape = e.tensor(n.inputs[0]), shape_of(n.inputs[0])
    axes = axes_of(n)
    if not axes:
        e.alias(n.outputs[0], x)
        return
    if len(shape) > MAX_RANK:
        shape, axes = merged(shape, axes)
        if len(shape) > MAX_RANK:
            raise Unsupported(f"{n.op_type} of rank {len(shape)}")
        x = reshape(e, x, shape)
    options = schema.ReducerOptionsT()
    kept = [1 if axis in axes else size for axis, size in enumerate(shape)]
    wanted = shape_of(n.outputs[0])
    options.keepDims = tuple(kept) == wanted
    plain = tuple(kept) == wanted or [s for a, s in enumerate(shape) if a not in axes] == [*wanted]
    boolean = dtype_of(n.inputs[0]) == np.bool_
    code = (BOOLEAN if boolean else KERNELS)[n.op_type]
    inputs = [x, e.constant(np.array(axes, np.int32))]
    if plain:
        compute(e, code, inputs, e.tensor(n.outputs[0]), options, data=(0,))
        return
    options.keepDims = True
    small = compute(e, code, inputs, e.like(n.outputs[0], kept), options, data=(0,))
    reshape(e, small, wanted, e.tensor(n.outputs[0]))


def axes_of(n: Node) -> tuple[int, ...]:
    """Return the axes that a reduction reduces, sorted; they are constant."""
    rank = len(shape_of(n.inputs[0]))
    given = operand(n, 1)
    axes = constant(given)
    if given is not None and axes is None:
        raise Unsupported(f"{n.op_type} over computed axes", fix="give them with --const")
    if axes is None or axes.size == 0:
        return () if attrs(n).get("noop_with_empty_axes") else tuple(range(rank))
    return tuple(sorted(int(axis) % rank for axis in axes.reshape(-1)))


def merged(shape: Sequence[int], axes: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Merge neighbours that are both reduced or both kept: (2, 3, 4), (1, 2) -> (2, 12), (1,)."""
    sizes: list[int] = []
    kinds: list[bool] = []
    for axis, size in enumerate(shape):
        if kinds and kinds[-1] == (axis in axes):
            sizes[-1] *= size
        else:
            sizes.append(size)
            kinds.append(axis in axes)
    return tuple(sizes), tuple(i for i, kind in enumerate(kinds) if kind)
