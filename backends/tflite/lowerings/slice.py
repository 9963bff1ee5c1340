"""Parts of a tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported, slice_bounds
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import TYPES, compute
from mmc.ir import Node, Value, attrs, shape_of

MAX_RANK = 7
MAX_SPLIT_RANK = 6


@lowers("Slice")
def strided(e: Emitter, n: Node) -> None:
    """y = x[start:end:step] along `axes`, ends clamped -> SLICE, or STRIDED_SLICE with steps."""
    shape = shape_of(n.inputs[0])
    if len(shape) > MAX_RANK:
        raise Unsupported(f"Slice of rank {len(shape)}")
    begins, steps = slice_bounds(n, shape)
    x, y = e.tensor(n.inputs[0]), e.tensor(n.outputs[0])
    if e.shape(y) == shape and all(step == 1 for step in steps):
        e.alias(n.outputs[0], x)
    elif all(step == 1 for step in steps):
        part(e, x, begins, y)
    else:
        ends = [b + s * d for b, s, d in zip(begins, steps, e.shape(y), strict=True)]
        # Below 0 an end counts from the back; -size - 1 is before the front.
        ends = [end if end >= 0 else -size - 1 for end, size in zip(ends, shape, strict=True)]
        operands = [e.constant(np.array(v, np.int32)) for v in (begins, ends, steps)]
        options = schema.StridedSliceOptionsT()
        compute(e, "STRIDED_SLICE", [x, *operands], y, options, data=(0,))


def part(e: Emitter, x: int, begins: Sequence[int], y: int) -> int:
    """Emit SLICE: the block of y's shape that begins there."""
    operands = [e.constant(np.array(v, np.int32)) for v in (begins, e.shape(y))]
    return compute(e, "SLICE", [x, *operands], y, schema.SliceOptionsT(), data=(0,))


@lowers("Split")
def split(e: Emitter, n: Node) -> None:
    """y0, y1, ... = parts of x along `axis` -> SPLIT, SPLIT_V, or SLICEs."""
    x, shape = e.tensor(n.inputs[0]), shape_of(n.inputs[0])
    axis = attrs(n)["axis"] % len(shape)
    sizes = [shape_of(v)[axis] for v in n.outputs]
    kind = e.program.tensors[x].dtype
    if len(n.outputs) == 1:
        e.alias(n.outputs[0], x)
    elif kind not in TYPES["SPLIT"] or len(shape) > MAX_SPLIT_RANK or 0 in sizes:
        slices(e, x, axis, n.outputs)
    else:
        outputs, where = [e.tensor(v) for v in n.outputs], e.constant(np.array(axis, np.int32))
        if len(set(sizes)) == 1:
            equal = schema.SplitOptionsT()
            equal.numSplits = len(sizes)
            e.op("SPLIT", [where, x], outputs, equal)
        else:
            options = schema.SplitVOptionsT()
            options.numSplits = len(sizes)
            e.op("SPLIT_V", [x, e.constant(np.array(sizes, np.int32)), where], outputs, options)


def slices(e: Emitter, x: int, axis: int, outputs: Sequence[Value]) -> None:
    """Emit one SLICE a part; nobody reads an empty one."""
    begin = 0
    for value in outputs:
        y = e.tensor(value)
        if e.shape(y)[axis]:
            part(e, x, [begin if a == axis else 0 for a in range(len(e.shape(x)))], y)
        begin += e.shape(y)[axis]
