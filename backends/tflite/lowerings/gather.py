"""Reading at indices. Negative ones count from the end, which TFLite's kernels do not know."""

from __future__ import annotations

import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported, counted_from_front
from mmc.backends.tflite.coded import Codes, codes_of, dequantizer, is_weight
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute, convert, reshape
from mmc.ir import Array, Node, Value, attrs, constant, shape_of
from mmc.signs import may_be_negative


@lowers("Gather")
def gather(e: Emitter, n: Node) -> None:
    """y = x[..., i, ...] along `axis` -> GATHER.

    Rows of a constant table (an embedding) are looked up as they are: token numbers are not
    negative, and the kernel stops with an error at one that is.
    """
    shape = shape_of(n.inputs[0])
    if (rows := whole_rows(n)) is not None:
        embedding_lookup(e, n, rows)
        return
    options = schema.GatherOptionsT()
    options.axis = attrs(n)["axis"] % len(shape)
    if constant(n.inputs[0]) is not None and len(shape) == 2 and options.axis == 0:
        limit = None
    else:
        limit = np.array(shape[options.axis])
    x, i = e.tensor(n.inputs[0]), positions(e, n.inputs[1], limit, shape[options.axis])
    compute(e, "GATHER", [x, i], e.tensor(n.outputs[0]), options, data=(0,))


def whole_rows(n: Node) -> Codes | None:
    """Return the quantized table that a Gather reads rows of, if EMBEDDING_LOOKUP reads it right.

    The kernel reads rows at whole bytes.
    """
    node = dequantizer(n.inputs[0])
    if node is None or not is_weight(node) or attrs(n)["axis"] or 0 in shape_of(n.outputs[0]):
        return None
    codes = codes_of(node)
    per_byte = {"INT4": 2, "INT2": 4}.get(codes.dtype, 1)
    plain = codes.codes.shape == shape_of(n.inputs[0]) and codes.quantization.axis == 0
    return (
        codes if plain and codes.codes.ndim == 2 and codes.codes.shape[1] % per_byte == 0 else None
    )


def embedding_lookup(e: Emitter, n: Node, rows: Codes) -> None:
    """y = scale[i] codes[i] -> EMBEDDING_LOOKUP, whose indices are one row."""
    assert n.inputs[0] is not None
    i = positions(e, n.inputs[1], None, rows.codes.shape[0])
    flat = reshape(e, i, (math.prod(e.shape(i)),))
    table, y = e.codes(n.inputs[0], rows), e.tensor(n.outputs[0])
    shape = (*e.shape(flat), rows.codes.shape[1])
    result = y if shape == e.shape(y) else e.new(shape, "float32")
    e.op("EMBEDDING_LOOKUP", [flat, table], [result], version=3)
    if result != y:
        reshape(e, result, e.shape(y), y)


@lowers("GatherND")
def gather_nd(e: Emitter, n: Node) -> None:
    """y = x[i], i (..., k) holding k coordinates -> GATHER_ND; batch_dims are decomposed."""
    if attrs(n)["batch_dims"]:
        raise Unsupported("GATHER_ND has no batch dimensions")
    sizes = np.array(shape_of(n.inputs[0])[: shape_of(n.inputs[1])[-1]])
    x, i = e.tensor(n.inputs[0]), positions(e, n.inputs[1], sizes, sizes)
    options = schema.GatherNdOptionsT()
    compute(e, "GATHER_ND", [x, i], e.tensor(n.outputs[0]), options, data=(0,))


def positions(e: Emitter, value: Value | None, limit: Array | None, sizes: Array | int) -> int:
    """Return indices as INT32, counted from the front.

    Args:
        limit: what to add to negative ones that are computed; None if there are none.
        sizes: the size along the indexed axis, or of each coordinate's.
    Raises:
        Unsupported: when a constant index is out of range.
    """
    known = constant(value)
    if known is not None:
        return e.constant(counted_from_front(known, sizes))
    i = convert(e, e.tensor(value), "INT32")
    if limit is None or not may_be_negative(value):
        return i
    return from_front(e, i, limit)


def from_front(e: Emitter, i: int, sizes: Array) -> int:
    """Emit i + sizes where i < 0, else i; what is out of range stays so."""
    shape, zero = e.shape(i), e.constant(np.array(0, np.int32))
    below = e.op("LESS", [i, zero], [e.new(shape, "bool")], schema.LessOptionsT())
    added = [i, e.constant(sizes.astype(np.int32))]
    moved = e.op("ADD", added, [e.new(shape, "int32")], schema.AddOptionsT())
    options = schema.SelectV2OptionsT()
    return e.op("SELECT_V2", [below, moved, i], [e.new(shape, "int32")], options)
