"""Which plain (not quantized) types LiteRT's kernels compute rightly, and the way round the others.

Measured on the host, every type at ranks 0 to 7 with every kind of broadcast. What is not listed
fails to load, aborts the process (ADD int8) or is silently wrong (MUL int8, SUM int16).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, cast_op

_REALS = frozenset({"FLOAT32", "FLOAT16"})
_WORDS = _REALS | {"INT32"}
_ORDERED = _WORDS | {"INT16"}
_BYTES = frozenset({"INT8", "UINT8"})
_MOVED = _ORDERED | _BYTES | {"BOOL"}

TYPES: dict[str, frozenset[str]] = {
    "ADD": _ORDERED,
    "EQUAL": _ORDERED | {"BOOL"},
    **dict.fromkeys(("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"), _ORDERED),
    "NOT_EQUAL": _WORDS | {"BOOL"},
    **dict.fromkeys(("SUB", "DIV"), _WORDS),
    "MUL": _ORDERED | {"UINT32"},
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), _ORDERED | _BYTES),
    **dict.fromkeys(("FLOOR_DIV", "FLOOR_MOD"), frozenset({"FLOAT32", "INT32", "INT16", "INT8"})),
    "POW": frozenset({"FLOAT32", "INT32"}),
    **dict.fromkeys(("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT"), frozenset({"BOOL"})),
    **dict.fromkeys(
        ("BITWISE_XOR", "RIGHT_SHIFT"), frozenset({"INT32", "INT16", "UINT32"}) | _BYTES
    ),
    "ABS": _ORDERED,
    "NEG": _ORDERED | {"INT8"},
    "SIGN": frozenset({"FLOAT32", "INT32"}),
    **dict.fromkeys(("SQRT", "EXP", "LOG", "SIN", "COS", "FLOOR", "CEIL", "ROUND"), _REALS),
    **dict.fromkeys(("SUM", "MEAN"), frozenset({"FLOAT32", "INT32"})),
    **dict.fromkeys(
        ("REDUCE_MAX", "REDUCE_MIN"), frozenset({"FLOAT32", "INT32", "INT16"}) | _BYTES
    ),
    "REDUCE_PROD": frozenset({"FLOAT32", "INT32"}),
    **dict.fromkeys(("REDUCE_ANY", "REDUCE_ALL"), frozenset({"BOOL"})),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), frozenset({"FLOAT32", "INT32", "BOOL"}) | _BYTES),
    **dict.fromkeys(("TRANSPOSE", "CONCATENATION", "SLICE", "STRIDED_SLICE"), _MOVED | {"UINT32"}),
    **dict.fromkeys(("BROADCAST_TO", "TILE", "SELECT_V2", "RESHAPE"), _MOVED | {"UINT32"}),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD", "REVERSE_V2"), _MOVED),
    **dict.fromkeys(("GATHER", "GATHER_ND"), _MOVED - {"BOOL"}),  # Hexagon gathers no BOOL
    **dict.fromkeys(("SPLIT", "SPLIT_V"), frozenset({"FLOAT32", "INT32", "INT16"}) | _BYTES),
    "SCATTER_ND": frozenset({"FLOAT32", "INT32"}) | _BYTES,
    "TOPK_V2": frozenset({"FLOAT32", "INT32", "INT16"}) | _BYTES,
    "CUMSUM": frozenset({"FLOAT32", "INT32"}),
    "ONE_HOT": frozenset({"FLOAT32", "INT32", "BOOL"}) | _BYTES,
    **dict.fromkeys(("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), frozenset({"FLOAT32", "INT32"}) | _BYTES),
    "REVERSE_SEQUENCE": frozenset({"FLOAT32", "INT32", "INT16", "UINT8"}),
}
"""Kernel -> types of its data."""
NPU_LACKS = dict.fromkeys(("EQUAL", "NOT_EQUAL"), "BOOL")
"""Kernel -> a type that it has here and not on Hexagon."""

WIDER = dict.fromkeys(("INT8", "UINT8", "INT16", "UINT16", "BOOL"), "INT32") | {
    "FLOAT16": "FLOAT32"
}
COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")


def compute(
    e: Emitter,
    code: str,
    inputs: Sequence[int],
    result: int,
    options: object | None = None,
    data: Sequence[int] | None = None,
    version: int = 1,
) -> int:
    """Emit `code`; types that it has no kernel for are computed in a wider one and cast back.

    That is exact: sums and products of small integers wrap to the same bits, and float16 results
    are the rounded float32 ones.

    Args:
        data: positions of the inputs that have the kernel's data type; all of them by default.
    Raises:
        Unsupported: when there is no wider type either.
    """
    data = range(len(inputs)) if data is None else data
    kind = e.program.tensors[inputs[data[0]]].dtype
    lacks = e.npu and kind == NPU_LACKS.get(code)
    if (kind in TYPES[code] and not lacks) or e.integer:
        return e.op(code, inputs, [result], options, version)
    wide = WIDER.get(kind)
    if wide is None or wide not in TYPES[code]:
        raise Unsupported(f"{code} has no kernel for {kind.lower()}", fix="cast it to another type")
    cast = [convert(e, x, wide) if i in data else x for i, x in enumerate(inputs)]
    if code in COMPARISONS:
        return e.op(code, cast, [result], options)
    inner = e.new(e.shape(result), wide.lower())
    e.op(code, cast, [inner], options, version)
    return cast_op(e, inner, result)


def copy(e: Emitter, tensor: int) -> int:
    """Return a fresh tensor of the same type and shape."""
    return e.twin(tensor)


def convert(e: Emitter, tensor: int, dtype: str) -> int:
    """Return `tensor` as a TensorType, by CAST if it has another; constants are cast here."""
    source = e.program.tensors[tensor]
    if source.dtype == dtype:
        return tensor
    if source.data is not None:
        return e.constant(source.data.astype(dtype.lower()), source.name)
    return cast_op(e, tensor, e.new(source.shape, dtype.lower()))


def reshape(e: Emitter, tensor: int, shape: Sequence[int], result: int | None = None) -> int:
    """Return `tensor` in another shape of as many elements; the same one if it has it already."""
    if result is None:
        if e.shape(tensor) == tuple(shape):
            return tensor
        source = e.program.tensors[tensor]
        if source.data is not None:
            return e.constant(source.data.reshape(tuple(shape)), source.name)
        result = e.twin(tensor, shape)
    options = schema.ReshapeOptionsT()
    options.newShape = [int(d) for d in shape]
    return e.op("RESHAPE", [tensor, e.constant(np.array(shape, np.int32))], [result], options)
