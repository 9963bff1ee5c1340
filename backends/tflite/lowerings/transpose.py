"""Permutations of axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute, reshape
from mmc.ir import Node, attrs, shape_of
from mmc.layout.permutation import in_steps, merged, permuted

MAX_RANK = 7
NPU_RANK = 5
NPU_RANKS = {"INT16": 4, "INT32": 4}
"""Where Hexagon takes fewer axes than NPU_RANK (hexagon.toml, measured)."""


@lowers("Transpose")
def transpose(e: Emitter, n: Node) -> None:
    """y = x with axes permuted -> TRANSPOSE; RESHAPE where only axes of size 1 move.

    Above rank 5 axes that stay neighbours are merged first: few kernels have so many dimensions.
    What is left above what an NPU takes, or rank 7, is two operators.
    """
    x, y, shape = e.tensor(n.inputs[0]), e.tensor(n.outputs[0]), shape_of(n.inputs[0])
    perm = attrs(n).get("perm") or tuple(reversed(range(len(shape))))
    moved = [axis for axis in perm if shape[axis] != 1]
    if moved == sorted(moved):
        reshape(e, x, e.shape(y), y)
        return
    most = NPU_RANKS.get(e.program.tensors[x].dtype, NPU_RANK) if e.npu else NPU_RANK
    if len(shape) <= most:
        emit(e, x, perm, y)
        return
    sizes, order = merged(shape, moved)
    steps = in_steps(sizes, order, most if e.npu else MAX_RANK)
    if not steps:
        raise Unsupported(f"TRANSPOSE of rank {len(sizes)}: {shape} by {perm}")
    for step in steps:
        groups, swap = merged(sizes, step)
        result = e.twin(x, [groups[axis] for axis in swap])
        x, sizes = emit(e, reshape(e, x, groups), swap, result), permuted(sizes, step)
    reshape(e, x, e.shape(y), y)


def emit(e: Emitter, x: int, perm: Sequence[int], y: int) -> int:
    """Emit TRANSPOSE."""
    order = e.constant(np.array(perm, np.int32))
    return compute(e, "TRANSPOSE", [x, order], y, schema.TransposeOptionsT(), data=(0,))
