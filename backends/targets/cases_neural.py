"""Cases of convolutions, linear layers, pooling and recurrence, with every weight type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import FLOATS, IMAGE, Case, Maker

# (activations, weights, slice axis present): what a compiler writes and what FACTS names.
WEIGHTS: tuple[tuple[str, str, bool], ...] = (
    ("FLOAT32", "FLOAT32", False),
    *(
        (activations, weights, sliced)
        for activations in ("FLOAT32", "INT8", "INT16")
        for weights in ("INT8", "INT4", "INT2")
        for sliced in (True, False)
    ),
    ("INT16", "INT16", False),
    ("FLOAT16", "FLOAT16", False),
)
FORMS: tuple[dict[str, Any], ...] = (
    {"padding": 1},
    {"dilationWFactor": 2, "dilationHFactor": 2},
    *({"fusedActivationFunction": k} for k in (1, 2, 3, 4)),
)


POOL_FORMS: tuple[dict[str, Any], ...] = (
    {},
    {"padding": 1},
    {"fusedActivationFunction": 1},
    {"fusedActivationFunction": 3},
)


def cases() -> Iterator[Case]:
    """Yield all cases of this module."""
    for activations, weights, sliced in WEIGHTS:
        yield conv(activations, weights, sliced)
        yield depthwise(activations, weights, sliced)
        yield linear(activations, weights, sliced)
        yield transposed(activations, weights, sliced)
        yield constant_matmul(activations, weights, sliced)
    for dtype in FLOATS:
        weights = "FLOAT32" if dtype == "FLOAT32" else "INT8"
        for form in FORMS:
            yield conv(dtype, weights, dtype != "FLOAT32", **form)
            yield depthwise(dtype, weights, dtype != "FLOAT32", **form)
            if "padding" in form:
                yield transposed(dtype, weights, dtype != "FLOAT32", **form)
            if "fusedActivationFunction" in form:
                yield linear(dtype, weights, dtype != "FLOAT32", **form)
        yield strided_dilation(dtype, weights)
        yield one_row(dtype, weights)
        yield grouped(dtype, weights)
        yield multiplied(dtype, weights)
        yield from pools(dtype)
        yield from matmuls(dtype)
        yield deep_linear(dtype, weights)
        yield deep_linear(dtype, weights, (1, 2, 2, 2))
        yield from odd_weights(dtype, weights)
    yield even_row()
    yield even_pads()
    yield from computed_weights()
    yield volume()
    yield recurrence()


def new(dtype: str, weights: str, shape: tuple[int, ...], axis: int | None) -> tuple[Maker, int]:
    """Return a maker with activations of `dtype` and the index of its constant weights."""
    m = Maker(dtype)
    return m, m.w(shape, weights, axis)


def biased(m: Maker, w: int, size: int) -> int:
    """Add the bias: float under weight-only quantization, as its kernels demand."""
    return m.bias(size, w)


def conv(dtype: str, weights: str, sliced: bool, **form: Any) -> Case:
    """Return the case of a 3×3 convolution."""
    m, w = new(dtype, weights, (8, 3, 3, 16), 0 if sliced else None)
    side = 8 if form.get("padding", 0) == 0 else 6
    inputs = [m.x(IMAGE), w, biased(m, w, 8)]
    result = m.x((1, side, side, 8), scale=OUT.get(dtype, 0))
    return m.case("CONV_2D", inputs, [result], (-1, 1), strideW=1, strideH=1, **form)


OUT = {"INT8": 1 / 8, "INT16": 1 / 1024}
"""Result scales of the accumulating operators: their sums reach about ±12."""


def depthwise(dtype: str, weights: str, sliced: bool, **form: Any) -> Case:
    """Return the case of a 3×3 depthwise convolution."""
    m, w = new(dtype, weights, (1, 3, 3, 16), 3 if sliced else None)
    side = 8 if form.get("padding", 0) == 0 else 6
    inputs = [m.x(IMAGE), w, biased(m, w, 16)]
    result = m.x((1, side, side, 16), scale=OUT.get(dtype, 0))
    option = {"strideW": 1, "strideH": 1, "depthMultiplier": 1, **form}
    return m.case("DEPTHWISE_CONV_2D", inputs, [result], (-1, 1), **option)


def strided_dilation(dtype: str, weights: str) -> Case:
    """Return the case of a depthwise convolution that strides and dilates."""
    m, w = new(dtype, weights, (1, 3, 3, 16), None if dtype == "FLOAT32" else 3)
    inputs = [m.x(IMAGE), w, biased(m, w, 16)]
    result = m.x((1, 4, 4, 16), scale=OUT.get(dtype, 0))
    option = {"strideW": 2, "strideH": 2, "dilationWFactor": 2, "dilationHFactor": 2}
    return m.case("DEPTHWISE_CONV_2D", inputs, [result], (-1, 1), depthMultiplier=1, **option)


def linear(dtype: str, weights: str, sliced: bool, **form: Any) -> Case:
    """Return the case of a linear layer on rank 2."""
    m, w = new(dtype, weights, (32, 64), 0 if sliced else None)
    inputs = [m.x((4, 64)), w, biased(m, w, 32)]
    return m.case(
        "FULLY_CONNECTED", inputs, [m.x((4, 32), scale=OUT.get(dtype, 0))], (-1, 1), **form
    )


def deep_linear(dtype: str, weights: str, front: tuple[int, ...] = (1, 4)) -> Case:
    """Return the case of a linear layer on rank 3, or another, that keeps the rank."""
    m, w = new(dtype, weights, (32, 64), None if dtype == "FLOAT32" else 0)
    result = m.x((*front, 32), scale=OUT.get(dtype, 0))
    return m.case(
        "FULLY_CONNECTED",
        [m.x((*front, 64)), w, biased(m, w, 32)],
        [result],
        (-1, 1),
        keepNumDims=True,
    )


def transposed(dtype: str, weights: str, sliced: bool, **form: Any) -> Case:
    """Return the case of a 2× upsampling transposed convolution."""
    m, w = new(dtype, weights, (8, 3, 3, 16), 0 if sliced else None)
    side = 16 if form.get("padding", 0) == 0 else 17
    shape = (1, side, side, 8)
    inputs = [m.i(shape), w, m.x(IMAGE), biased(m, w, 8)]
    result = m.x(shape, scale=OUT.get(dtype, 0))
    return m.case("TRANSPOSE_CONV", inputs, [result], (-1, 1), strideW=2, strideH=2, **form)


def one_row(dtype: str, weights: str) -> Case:
    """Return the case of a 2× upsampling transposed convolution of a single row."""
    m, w = new(dtype, weights, (8, 2, 2, 16), None if dtype == "FLOAT32" else 0)
    shape = (1, 2, 16, 8)
    inputs = [m.i(shape), w, m.x((1, 1, 8, 16)), biased(m, w, 8)]
    result = m.x(shape, scale=OUT.get(dtype, 0))
    return m.case("TRANSPOSE_CONV", inputs, [result], (-1, 1), strideW=2, strideH=2)


def even_row() -> Case:
    """Return the case of a convolution of one row, padded by 8 of 40 on both sides."""
    m, w = new("FLOAT32", "FLOAT32", (8, 1, 17, 16), None)
    inputs = [m.x((1, 1, 40, 16)), w, biased(m, w, 8)]
    return m.case("CONV_2D", inputs, [m.x((1, 1, 40, 8))], (-1, 1), strideW=1, strideH=1)


def even_pads() -> Case:
    """Return the case of a mean over 3 × 3, padded by one on all sides."""
    m, shape = Maker("FLOAT32"), (1, 20, 20, 16)
    size: dict[str, Any] = {"strideW": 1, "strideH": 1, "filterWidth": 3, "filterHeight": 3}
    return m.case("AVERAGE_POOL_2D", [m.x(shape)], [m.x(shape)], **size)


def constant_matmul(dtype: str, weights: str, sliced: bool) -> Case:
    """Return the case of BATCH_MATMUL with a constant second operand."""
    m, w = new(dtype, weights, (64, 32), 1 if sliced else None)
    return m.case(
        "BATCH_MATMUL", [m.x((4, 64)), w], [m.x((4, 32), scale=OUT.get(dtype, 0))], (-1, 1)
    )


def odd_weights(dtype: str, weights: str) -> Iterator[Case]:
    """Yield the weighted operators without a bias, and with codes that kernels mistake."""
    sliced = dtype != "FLOAT32"
    for make in (conv, depthwise, linear, transposed):
        for kind in dict.fromkeys((weights, *(("INT4",) if sliced else ()))):
            case = make(dtype, kind, sliced)
            case.program.operators[0].inputs.pop()
            yield case
        for kind in ("INT8", "INT4"):
            yield with_codes(make(dtype, kind, True), lowest=kind == "INT4")


def with_codes(case: Case, lowest: bool) -> Case:
    """Put the lowest code into a case's weights, or give them a zero point."""
    tensor = case.program.tensors[case.program.operators[0].inputs[1]]
    assert tensor.data is not None
    assert tensor.quantization is not None
    if lowest:
        tensor.data.reshape(-1)[0] = -8
    else:
        tensor.quantization.zero_point = np.full_like(tensor.quantization.zero_point, 3)
    return case


def grouped(dtype: str, weights: str) -> Case:
    """Return the case of a convolution in four groups."""
    m, w = new(dtype, weights, (8, 3, 3, 4), None if dtype == "FLOAT32" else 0)
    inputs = [m.x(IMAGE), w, biased(m, w, 8)]
    result = m.x((1, 8, 8, 8), scale=OUT.get(dtype, 0))
    return m.case("CONV_2D", inputs, [result], (-1, 1), strideW=1, strideH=1)


def multiplied(dtype: str, weights: str) -> Case:
    """Return the case of a depthwise convolution with two results per channel."""
    m, w = new(dtype, weights, (1, 3, 3, 32), None if dtype == "FLOAT32" else 3)
    inputs = [m.x(IMAGE), w, biased(m, w, 32)]
    result = m.x((1, 8, 8, 32), scale=OUT.get(dtype, 0))
    option = {"strideW": 1, "strideH": 1, "depthMultiplier": 2}
    return m.case("DEPTHWISE_CONV_2D", inputs, [result], (-1, 1), **option)


def pools(dtype: str) -> Iterator[Case]:
    """Yield the pools with both paddings and a fused activation."""
    for op in ("MAX_POOL_2D", "AVERAGE_POOL_2D", "L2_POOL_2D"):
        for form in POOL_FORMS:
            m = Maker(dtype)
            side = 3 if form.get("padding") else 4
            size: dict[str, Any] = {"strideW": 2, "strideH": 2, "filterWidth": 3, "filterHeight": 3}
            yield m.case(op, [m.x(IMAGE)], [m.x((1, side, side, 16))], **size, **form)


def matmuls(dtype: str) -> Iterator[Case]:
    """Yield BATCH_MATMUL of two computed operands, its adjoint forms, broadcasts and ranks."""
    for form in ({}, {"adjX": True}, {"adjY": True}, {"adjX": True, "adjY": True}):
        yield matmul(dtype, (1, 4), (1, 4), **form)
    if dtype == "FLOAT32":
        for left, right in (
            ((), ()),
            ((2,), (2,)),
            ((2, 1, 4), (2, 1, 4)),
            ((1, 2, 1, 2), (1, 2, 1, 2)),
        ):
            yield matmul(dtype, left, right)
        yield matmul(dtype, (2, 4), (1, 4))
        yield matmul(dtype, (1, 4), (2, 1))
    if dtype == "INT16":
        m = Maker(dtype)
        inputs = [m.x((4, 8, 16)), m.x((4, 16, 8), "INT8")]
        yield m.case("BATCH_MATMUL", inputs, [m.x((4, 8, 8), scale=OUT[dtype])], (-1, 1))


def matmul(dtype: str, left: tuple[int, ...], right: tuple[int, ...], **form: bool) -> Case:
    """Return the case of (…, 8, 16) @ (…, 16, 8)."""
    m = Maker(dtype)
    x = m.x((*left, *((16, 8) if form.get("adjX") else (8, 16))))
    y = m.x((*right, *((8, 16) if form.get("adjY") else (16, 8))))
    batch = tuple(max(a, b) for a, b in zip(left, right, strict=True))
    result = m.x((*batch, 8, 8), scale=OUT.get(dtype, 0))
    return m.case("BATCH_MATMUL", [x, y], [result], (-1, 1), **form)


def computed_weights() -> Iterator[Case]:
    """Yield convolution and linear layer whose weights are not constants."""
    m = Maker()
    inputs = [m.x(IMAGE), m.x((8, 3, 3, 16)), m.w((8,))]
    yield m.case("CONV_2D", inputs, [m.x((1, 8, 8, 8))], (-1, 1), strideW=1, strideH=1)
    m = Maker()
    inputs = [m.x(IMAGE), m.x((1, 3, 3, 16)), m.w((16,))]
    yield m.case(
        "DEPTHWISE_CONV_2D", inputs, [m.x(IMAGE)], (-1, 1), strideW=1, strideH=1, depthMultiplier=1
    )
    m = Maker()
    yield m.case("FULLY_CONNECTED", [m.x((4, 64)), m.x((32, 64)), -1], [m.x((4, 32))], (-1, 1))


def volume() -> Case:
    """Return the case of a 3×3×3 convolution."""
    m, w = new("FLOAT32", "FLOAT32", (3, 3, 3, 4, 8), None)
    strides = {"strideD": 1, "strideW": 1, "strideH": 1}
    return m.case(
        "CONV_3D", [m.x((1, 4, 8, 8, 4)), w, m.w((8,))], [m.x((1, 4, 8, 8, 8))], (-1, 1), **strides
    )


def recurrence() -> Case:
    """Return the case of an LSTM over 6 steps, 8 -> 4, without peepholes or projection."""
    m = Maker()
    x = m.x((1, 6, 8))
    gates = [m.w((4, 8)) for _ in range(4)] + [m.w((4, 4)) for _ in range(4)]
    biases = [m.w((4,)) for _ in range(4)]
    states = [m.x((1, 4)), m.x((1, 4))]
    for index in states:
        m.program.tensors[index].variable = True
    inputs = [x, *gates, -1, -1, -1, *biases, -1, -1, *states, -1, -1, -1, -1]
    return m.case(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [m.x((1, 6, 4))], fusedActivationFunction=4
    )
