"""Writing at indices: SCATTER_ND adds what meets at one place onto zeros, the rest follows."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import TYPES, compute, reshape
from mmc.backends.tflite.lowerings.gather import positions
from mmc.ir import Array, Node, attrs, constant, shape_of


@lowers("ScatterND")
def scatter_nd(e: Emitter, n: Node) -> None:
    """y = x, then y[i] = u (or += u): where(written, SCATTER_ND(i, u), x), or x + SCATTER_ND(i, u).

    Indices that meet are undefined for y[i] = u in ONNX; constant ones are refused.
    """
    x, y, u = e.tensor(n.inputs[0]), e.tensor(n.outputs[0]), e.tensor(n.inputs[2])
    kind, reduction = e.program.tensors[x].dtype, attrs(n)["reduction"]
    if reduction not in ("none", "add") or kind not in TYPES["SCATTER_ND"]:
        raise Unsupported(f"SCATTER_ND with reduction {reduction!r} of {kind.lower()}")
    sizes = np.array(shape_of(n.inputs[0])[: shape_of(n.inputs[1])[-1]])
    i = positions(e, n.inputs[1], sizes)
    placed = emit(e, i, u, e.like(n.outputs[0]))
    if reduction == "add":
        compute(e, "ADD", [x, placed], y, schema.AddOptionsT())
        return
    known = constant(n.inputs[1])
    written = runtime_mask(e, n, i) if known is None else e.constant(mask(known, e.shape(x)))
    e.op("SELECT_V2", [written, placed, x], [y], schema.SelectV2OptionsT())


def emit(e: Emitter, indices: int, updates: int, result: int) -> int:
    """Emit SCATTER_ND."""
    shape = e.constant(np.array(e.shape(result), np.int32))
    return e.op("SCATTER_ND", [indices, updates, shape], [result], schema.ScatterNdOptionsT())


def mask(indices: Array, shape: tuple[int, ...]) -> Array:
    """Return where something is written, as (..., 1, 1) after the indexed axes."""
    depth = indices.shape[-1]
    count: Array = np.zeros(shape[:depth], np.int32)
    np.add.at(count, tuple(np.moveaxis(indices, -1, 0)), 1)
    if (count > 1).any():
        raise Unsupported("two updates meet at one place: which one remains is undefined in ONNX")
    return (count > 0).reshape(shape[:depth] + (1,) * (len(shape) - depth))


def runtime_mask(e: Emitter, n: Node, indices: int) -> int:
    """Emit where something is written: scattered ones that are above 0."""
    shape = shape_of(n.inputs[0])
    depth = e.shape(indices)[-1]
    ones = e.constant(np.ones(e.shape(indices)[:-1], np.int32))
    count = emit(e, indices, ones, e.new(shape[:depth], "int32"))
    options = schema.GreaterOptionsT()
    inside = e.new(shape[:depth], "bool")
    found = e.op("GREATER", [count, e.constant(np.array(0, np.int32))], [inside], options)
    return reshape(e, found, shape[:depth] + (1,) * (len(shape) - depth))
