"""Cases of element-wise, comparison and reducing operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmc.backends.tflite.program import Operator

from .case import FLOATS, IMAGE, NUMBERS, Case, Maker, options

POSITIVE = (0.25, 2.0)
UNARY: dict[str, tuple[float, float]] = {
    "ABS": (-2, 2),
    "CEIL": (-2, 2),
    "COS": (-2, 2),
    "ELU": (-2, 2),
    "EXP": (-2, 1),
    "FLOOR": (-2, 2),
    "GELU": (-2, 2),
    "HARD_SWISH": (-4, 4),
    "LEAKY_RELU": (-2, 2),
    "LOG": POSITIVE,
    "LOGISTIC": (-4, 4),
    "NEG": (-2, 2),
    "RELU": (-2, 2),
    "RELU6": (-2, 7),
    "RELU_0_TO_1": (-2, 2),
    "RELU_N1_TO_1": (-2, 2),
    "ROUND": (-2, 2),
    "RSQRT": POSITIVE,
    "SIGN": (-2, 2),
    "SIN": (-2, 2),
    "SQRT": POSITIVE,
    "SQUARE": (-2, 2),
    "TANH": (-2, 2),
    "ZEROS_LIKE": (-2, 2),
}
BINARY: dict[str, tuple[float, float]] = {
    "ADD": (-2, 2),
    "SUB": (-2, 2),
    "MUL": (-2, 2),
    "DIV": (0.5, 2),
    "MAXIMUM": (-2, 2),
    "MINIMUM": (-2, 2),
    "POW": (0.5, 2),
    "SQUARED_DIFFERENCE": (-1, 1),
    "FLOOR_DIV": (0.5, 4),
    "FLOOR_MOD": (0.5, 4),
    "ATAN2": (0.5, 2),
}
COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
REDUCERS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "REDUCE_ALL", "REDUCE_ANY")
# The kernels fix the result's quantization of these: (int8 scale, zero point), int16 scale.
FIXED = {
    "LOGISTIC": ((1 / 256, -128), 1 / 32768),
    "TANH": ((1 / 128, 0), 1 / 32768),
    "SOFTMAX": ((1 / 256, -128), 1 / 32768),
    "LOG_SOFTMAX": ((16 / 256, 127), 16 / 65536),
    "L2_NORMALIZATION": ((1 / 128, 0), 1 / 32768),
}


def cases() -> Iterator[Case]:
    """Yield all cases of this module."""
    yield from unary()
    yield from binary()
    yield from logical()
    yield from reducers()
    yield from normalizers()
    yield from others()


def result(m: Maker, op: str, shape: tuple[int, ...]) -> int:
    """Add the result tensor with the quantization that the kernel of `op` demands."""
    if op not in FIXED or m.dtype not in ("INT8", "INT16"):
        return m.x(shape)
    (scale, zero), wide = FIXED[op]
    return m.x(shape, scale=scale, zero=zero) if m.dtype == "INT8" else m.x(shape, scale=wide)


def unary() -> Iterator[Case]:
    """Yield each unary operator in all types, and in float at every rank."""
    for op, domain in UNARY.items():
        for dtype in (*NUMBERS, "FLOAT16"):
            yield one(op, dtype, IMAGE, domain)
        for shape in ((), (7,), (1, 2, 4, 4, 8), (1, 2, 2, 2, 2, 8)):
            yield one(op, "FLOAT32", shape, domain)
    m = Maker()
    yield m.case("GELU", [m.x(IMAGE)], [m.x(IMAGE)], approximate=True)
    for dtype in FLOATS:
        m = Maker(dtype)
        yield m.case("PRELU", [m.x(IMAGE), m.w((1, 1, 16))], [m.x(IMAGE)])


def one(op: str, dtype: str, shape: tuple[int, ...], domain: tuple[float, float]) -> Case:
    """Return the case of a unary operator."""
    m = Maker(dtype)
    extra: dict[str, Any] = {"alpha": 0.1} if op == "LEAKY_RELU" else {}
    return m.case(op, [m.x(shape)], [result(m, op, shape)], domain, **extra)


def binary() -> Iterator[Case]:
    """Yield each binary operator in all types, broadcast forms, ranks and fused activations."""
    stretched = ((1, 1, 1, 16), (1, 8, 8, 16))
    for op, domain in BINARY.items():
        for dtype in NUMBERS:
            yield two(op, dtype, IMAGE, IMAGE, domain)
            yield two(op, dtype, IMAGE, stretched[0], domain)
        yield two(op, "FLOAT32", (1, 8, 1, 16), (1, 1, 8, 16), domain)
        for rank in (1, 5, 6):
            shape = (2,) * (rank - 1) + (8,)
            yield two(op, "FLOAT32", shape, shape, domain)
        yield two(op, "FLOAT32", (1, 2, 1, 2, 8), (1, 1, 2, 2, 8), domain)
    for op in ("ADD", "SUB"):
        for other in (IMAGE, (1, 1, 1, 16)):
            yield two(op, "INT16", IMAGE, other, BINARY[op], potScaleInt16=True)
    for op in ("ADD", "SUB", "MUL", "DIV"):
        for activation in (1, 2, 3, 4):
            for dtype in FLOATS:
                yield two(op, dtype, IMAGE, IMAGE, BINARY[op], fusedActivationFunction=activation)
    for op in COMPARISONS:
        for dtype in (*NUMBERS, *(("BOOL",) if op in ("EQUAL", "NOT_EQUAL") else ())):
            m = Maker(dtype)
            yield m.case(op, [m.x(IMAGE), m.x(IMAGE)], [m.x(IMAGE, "BOOL")])
        m = Maker()
        yield m.case(op, [m.x(IMAGE), m.x((1, 1, 1, 16))], [m.x(IMAGE, "BOOL")])


def two(
    op: str,
    dtype: str,
    left: tuple[int, ...],
    right: tuple[int, ...],
    domain: tuple[float, float],
    **option: Any,
) -> Case:
    """Return the case of a binary operator on two computed operands."""
    m = Maker(dtype)
    shape = tuple(max(a, b) for a, b in zip(left, right, strict=True))
    return m.case(op, [m.x(left), m.x(right)], [result(m, op, shape)], domain, **option)


def logical() -> Iterator[Case]:
    """Yield the operators on truth values and bits, and the selections."""
    m = Maker("BOOL")
    yield m.case("LOGICAL_NOT", [m.x(IMAGE)], [m.x(IMAGE)])
    for op in ("LOGICAL_AND", "LOGICAL_OR"):
        for other in (IMAGE, (1, 1, 1, 16)):
            m = Maker("BOOL")
            yield m.case(op, [m.x(IMAGE), m.x(other)], [m.x(IMAGE)])
    for op in ("SELECT", "SELECT_V2"):
        for dtype in (*NUMBERS, "BOOL"):
            m = Maker(dtype)
            yield m.case(op, [m.x(IMAGE, "BOOL"), m.x(IMAGE), m.x(IMAGE)], [m.x(IMAGE)])
    for shape in ((1, 1, 1, 16), (1, 1, 8, 1)):
        m = Maker()
        yield m.case("SELECT_V2", [m.x(shape, "BOOL"), m.x(IMAGE), m.x(IMAGE)], [m.x(IMAGE)])
    for op, dtype in (("BITWISE_XOR", "INT32"), ("RIGHT_SHIFT", "INT32"), ("BITWISE_XOR", "BOOL")):
        m = Maker(dtype)
        yield m.case(op, [m.x(IMAGE), m.x(IMAGE)], [m.x(IMAGE)], (0, 2))


def reducers() -> Iterator[Case]:
    """Yield each reduction in all types and over every kind of axes."""
    for op in REDUCERS:
        if op in ("REDUCE_ALL", "REDUCE_ANY"):
            yield reduce(op, "BOOL", IMAGE, (3,), True)
            continue
        for dtype in NUMBERS:
            yield reduce(op, dtype, IMAGE, (3,), True)
        yield reduce(op, "FLOAT32", (4, 8, 8, 16), (0,), True)
        yield reduce(op, "FLOAT32", IMAGE, (3,), False)
        for axes in ((4,), (3, 4)):
            yield reduce(op, "FLOAT32", (1, 2, 4, 4, 8), axes, True)
        yield reduce(op, "FLOAT32", (1, 2, 2, 4, 4, 8), (5,), True)
        for dtype in FLOATS:
            yield reduce(op, dtype, IMAGE, (1, 2), True)
            yield reduce(op, dtype, IMAGE, (0, 1, 2, 3), True)


def reduce(op: str, dtype: str, shape: tuple[int, ...], axes: tuple[int, ...], keep: bool) -> Case:
    """Return the case of a reduction over `axes`."""
    m = Maker(dtype)
    dims = tuple(1 if k in axes else d for k, d in enumerate(shape) if keep or k not in axes)
    return m.case(op, [m.x(shape), m.i(axes)], [m.x(dims)], keepDims=keep)


def normalizers() -> Iterator[Case]:
    """Yield the operators that normalize along the last axis."""
    for op in ("SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"):
        extra: dict[str, Any] = {"beta": 1.0} if op == "SOFTMAX" else {}
        for dtype in (*FLOATS, "FLOAT16"):
            m = Maker(dtype)
            yield m.case(op, [m.x(IMAGE)], [result(m, op, IMAGE)], **extra)
        for shape in ((9,), (1, 2, 4, 4, 8), (1, 2, 2, 2, 2, 8)):
            m = Maker()
            yield m.case(op, [m.x(shape)], [m.x(shape)], **extra)
    m = Maker()
    yield m.case(
        "LOCAL_RESPONSE_NORMALIZATION", [m.x(IMAGE)], [m.x(IMAGE)],
        radius=2, bias=1.0, alpha=1e-2, beta=0.75,
    )  # fmt: skip


def others() -> Iterator[Case]:
    """Yield CUMSUM, ADD_N and the conversions of type."""
    for dtype in NUMBERS:
        m = Maker(dtype)
        yield m.case("CUMSUM", [m.x((1, 8, 16), scale=0.5), m.i(2)], [m.x((1, 8, 16), scale=0.5)])
        m = Maker(dtype)
        yield m.case("ADD_N", [m.x(IMAGE), m.x(IMAGE), m.x(IMAGE)], [m.x(IMAGE)])
    for flag in ("exclusive", "reverse"):
        m = Maker()
        extra: dict[str, Any] = {flag: True}
        yield m.case("CUMSUM", [m.x((1, 8, 16)), m.i(2)], [m.x((1, 8, 16))], **extra)
    for axis in (0, 1):
        m = Maker()
        yield m.case("CUMSUM", [m.x((4, 8, 16)), m.i(axis)], [m.x((4, 8, 16))])
    kinds = ("FLOAT32", "FLOAT16", "INT32", "INT64", "BOOL", "INT8", "UINT8")
    for source in kinds:
        for target in kinds:
            if source != target:
                yield plain_cast(source, target)
    yield from quantizers()


def plain_cast(source: str, target: str) -> Case:
    """Return the case of CAST, whose tensors carry no quantization."""
    m = Maker()
    x, y = m.x(IMAGE, source), m.x(IMAGE, target)
    for tensor in m.program.tensors:
        tensor.quantization = None
    domain = (0.0, 3.0) if "UINT8" in (source, target) else (-3.0, 3.0)
    return m.case("CAST", [x], [y], domain)


def quantizers() -> Iterator[Case]:
    """Yield QUANTIZE and DEQUANTIZE, of activations and of constants."""
    for dtype in ("INT8", "INT16", "UINT8"):
        m = Maker(dtype)
        yield m.case("QUANTIZE", [m.x(IMAGE, "FLOAT32")], [m.x(IMAGE)])
        m = Maker(dtype)
        yield m.case("DEQUANTIZE", [m.x(IMAGE)], [m.x(IMAGE, "FLOAT32")])
    for source, target in (
        ("INT8", "INT16"),
        ("INT16", "INT8"),
        ("INT8", "UINT8"),
        ("UINT8", "INT8"),
    ):
        m = Maker()
        yield m.case("QUANTIZE", [m.x(IMAGE, source)], [m.x(IMAGE, target)])
    for dtype, scale in (("INT8", 1 / 20), ("INT16", 1 / 5000)):
        m = Maker(dtype)
        yield m.case("QUANTIZE", [m.x(IMAGE)], [m.x(IMAGE, scale=scale)])
    m = Maker()
    yield m.case("DEQUANTIZE", [m.x(IMAGE, "FLOAT16")], [m.x(IMAGE)])
    yield unpacked("FLOAT16", None)
    for dtype in ("INT8", "INT4", "INT2"):
        for axis in (None, 0):
            yield unpacked(dtype, axis)


def unpacked(dtype: str, axis: int | None) -> Case:
    """Return the case of a constant turned to float, then used: alone it would be no graph."""
    m = Maker()
    w, y = m.w((16, 32), dtype, axis), m.x((16, 32))
    case = m.case("DEQUANTIZE", [w], [y])
    x, z = m.x((16, 32)), m.x((16, 32))
    m.program.operators.append(Operator("MUL", [x, y], [z], options("MUL")))
    m.program.inputs, m.program.outputs = [("x", x)], [("z", z)]
    return case
