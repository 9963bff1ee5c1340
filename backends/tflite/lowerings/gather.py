"""Reading at indices. Negative ones count from the end, which TFLite's kernels do not know."""

from __future__ import annotations

import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported, counted_from_front
from mmc.backends.tflite.coded import Codes, codes_of, is_weight
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute, convert, reshape
from mmc.backends.tflite.program import Quantization, Tensor
from mmc.integers.integer_ops import dequantizer
from mmc.ir import Array, Node, Value, attrs, constant, shape_of
from mmc.signs import may_be_negative

MOST_ROUNDED_AXES = 4
"""Hexagon rounds no floats of five axes (measured)."""
MOST_INDEX_AXES = 4
"""Hexagon compiles no indices of five axes (measured): more are one row."""


@lowers("Gather")
def gather(e: Emitter, n: Node) -> None:
    """y = x[..., i, ...] along `axis` -> GATHER.

    On an NPU an input that is looked up in a constant table (an embedding) is taken as it is: token
    numbers are not negative, and every operator is a launch. A processor's kernel stops at one that
    is, which ONNX lets a caller give (-1 for padding).
    """
    shape = shape_of(n.inputs[0])
    rows = whole_rows(n)
    if rows is not None and not (e.npu and rows.quantization.zero_point.any()):
        embedding_lookup(e, n, rows)
        return
    options = schema.GatherOptionsT()
    options.axis = attrs(n)["axis"] % len(shape)
    table = constant(n.inputs[0]) is not None and len(shape) == 2 and options.axis == 0 and e.npu
    x, i = e.tensor(n.inputs[0]), positions(e, n.inputs[1], shape[options.axis], table)
    y, many = e.tensor(n.outputs[0]), len(e.shape(i)) > MOST_INDEX_AXES
    row = reshape(e, i, (math.prod(e.shape(i)),)) if many else i
    result = (*shape[: options.axis], *e.shape(row), *shape[options.axis + 1 :])
    flat = e.like(n.outputs[0], result) if many else y
    read = compute(e, "GATHER", [x, row], flat, options, data=(0,))
    if many:
        reshape(e, read, e.shape(y), y)


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
    """y = scale[i] codes[i] -> EMBEDDING_LOOKUP, whose indices are one row.

    Hexagon has none of codes: there it is a GATHER of the codes, one of the scales, and MUL.
    """
    assert n.inputs[0] is not None
    i = positions(e, n.inputs[1], rows.codes.shape[0], tokens=e.npu)
    if e.npu:
        scaled_rows(e, i, rows, e.tensor(n.outputs[0]))
        return
    flat = reshape(e, i, (math.prod(e.shape(i)),))
    table, y = e.codes(n.inputs[0], rows), e.tensor(n.outputs[0])
    shape = (*e.shape(flat), rows.codes.shape[1])
    result = y if shape == e.shape(y) else e.new(shape, "float32")
    e.op("EMBEDDING_LOOKUP", [flat, table], [result], version=3)
    if result != y:
        reshape(e, result, e.shape(y), y)


def scaled_rows(e: Emitter, i: int, rows: Codes, y: int) -> None:
    """Emit codes[i] scale[i]: both are read alone, as an NPU has no scale a row there."""
    shape, factors = e.shape(y), rows.quantization.scale
    narrow = rows.dtype != "INT8" and rows.codes.min(initial=0) >= -7
    pairs = narrow and rows.codes.shape[1] % 2 == 0 and len(shape) <= MOST_ROUNDED_AXES
    plain = (paired_rows if pairs else byte_rows)(e, i, rows.codes, shape)
    if factors.size > 1:
        scale = e.constant(factors.reshape(-1, 1))
        factor = gathered(e, scale, i, e.new((*shape[:-1], 1), "float32"))
    else:
        factor = e.constant(factors.reshape(1))
    e.op("MUL", [plain, factor], [y], schema.MulOptionsT())


def byte_rows(e: Emitter, i: int, codes: Array, shape: tuple[int, ...], step: float = 1.0) -> int:
    """Emit step codes[i], a code a byte."""
    grid = Quantization(np.full(1, step, np.float32), np.zeros(1, np.int64))
    table = e.add(Tensor("", codes.shape, "INT8", codes, grid))
    read = gathered(e, table, i, e.add(Tensor("", shape, "INT8", None, grid)))
    return e.op("DEQUANTIZE", [read], [e.new(shape, "float32")])


def paired_rows(e: Emitter, i: int, codes: Array, shape: tuple[int, ...]) -> int:
    """Emit codes[i], two of 4 bits a byte: an NPU reads no tables of 4 bits, but bytes 16 h + l.

    As -7 <= l <= 7, round(h + l / 16) is h, exactly, in 16-bit floats too. The first half of a row
    are `h` and the second `l`, so that one CONCATENATION puts them in order.
    """
    high, low = np.split(codes.astype(np.int8), 2, axis=1)
    half = (*shape[:-1], high.shape[1])
    both = byte_rows(e, i, high * 16 + low, half, step=1 / 16)
    first = e.op("ROUND", [both], [e.new(half, "float32")])
    rest = e.op("SUB", [both, first], [e.new(half, "float32")], schema.SubOptionsT())
    sixteenths = [rest, e.constant(np.array(16, np.float32))]
    second = e.op("MUL", sixteenths, [e.new(half, "float32")], schema.MulOptionsT())
    options = schema.ConcatenationOptionsT()
    options.axis = len(shape) - 1
    return e.op("CONCATENATION", [first, second], [e.new(shape, "float32")], options)


def gathered(e: Emitter, table: int, i: int, result: int, axis: int = 0) -> int:
    """Emit a GATHER: rows, or what else lies along an axis."""
    options = schema.GatherOptionsT()
    options.axis = axis
    return e.op("GATHER", [table, i], [result], options)


@lowers("GatherND")
def gather_nd(e: Emitter, n: Node) -> None:
    """y = x[i], i (..., k) holding k coordinates -> GATHER_ND; batch_dims are decomposed."""
    if attrs(n)["batch_dims"]:
        raise Unsupported("GATHER_ND has no batch dimensions")
    sizes = np.array(shape_of(n.inputs[0])[: shape_of(n.inputs[1])[-1]])
    x, i = e.tensor(n.inputs[0]), positions(e, n.inputs[1], sizes)
    options, y = schema.GatherNdOptionsT(), e.tensor(n.outputs[0])
    depth = e.shape(i)[-1]
    if len(e.shape(i)) <= MOST_INDEX_AXES:
        compute(e, "GATHER_ND", [x, i], y, options, data=(0,))
        return
    row = reshape(e, i, (math.prod(e.shape(i)[:-1]), depth))
    flat = e.new((e.shape(row)[0], *e.shape(x)[depth:]), e.program.tensors[x].dtype.lower())
    reshape(e, compute(e, "GATHER_ND", [x, row], flat, options, data=(0,)), e.shape(y), y)


def positions(e: Emitter, value: Value | None, sizes: Array | int, tokens: bool = False) -> int:
    """Return indices as INT32, counted from the front.

    Args:
        sizes: the size along the indexed axis, or of each coordinate's.
        tokens: the model's inputs hold no negative ones.
    Raises:
        Unsupported: when a constant index is out of range.
    """
    known = constant(value)
    if known is not None:
        return e.constant(counted_from_front(known, sizes))
    i = convert(e, e.tensor(value), "INT32")
    return from_front(e, i, np.array(sizes)) if may_be_negative(value, inputs=not tokens) else i


def from_front(e: Emitter, i: int, sizes: Array) -> int:
    """Emit i + sizes where i < 0, else i; what is out of range stays so."""
    shape, zero = e.shape(i), e.constant(np.array(0, np.int32))
    below = e.op("LESS", [i, zero], [e.new(shape, "bool")], schema.LessOptionsT())
    added = [i, e.constant(sizes.astype(np.int32))]
    moved = e.op("ADD", added, [e.new(shape, "int32")], schema.AddOptionsT())
    options = schema.SelectV2OptionsT()
    return e.op("SELECT_V2", [below, moved, i], [e.new(shape, "int32")], options)
