"""Cases of operators that move, select, count or resize values."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from .case import ANY, IMAGE, STEPS, Case, Maker

MOVED = tuple(t for t in ANY if t != "UINT8")


def cases() -> Iterator[Case]:
    """Yield all cases of this module."""
    yield from reshaping()
    yield from transposes()
    yield from joining()
    yield from slicing()
    yield from padding()
    yield from resizing()
    yield from blocks()
    yield from gathering()
    yield from searching()
    yield from filling()


def reshaping() -> Iterator[Case]:
    """Yield RESHAPE, SQUEEZE, EXPAND_DIMS, SHAPE."""
    for dtype in MOVED:
        m = Maker(dtype)
        yield m.case(
            "RESHAPE", [m.x(IMAGE), m.i((1, 64, 16))], [m.x((1, 64, 16))], newShape=[1, 64, 16]
        )
        m = Maker(dtype)
        yield m.case("SQUEEZE", [m.x((1, 8, 1, 16))], [m.x((1, 8, 16))], squeezeDims=[2])
        m = Maker(dtype)
        yield m.case("EXPAND_DIMS", [m.x((8, 16)), m.i(1)], [m.x((8, 1, 16))])
    for shape in ((1024,), (1, 2, 4, 8, 16), (1, 2, 4, 2, 4, 16), (2, 2, 2, 2, 2, 2, 16)):
        for dtype in ("FLOAT32", "INT8", "INT16", "INT32"):
            m = Maker(dtype)
            flat = (prod(shape) // 16, 16)
            yield m.case("RESHAPE", [m.x(shape), m.i(flat)], [m.x(flat)], newShape=list(flat))
    for before, after in (((2, 2, 2, 1, 8), (2, 2, 2, 8)), ((2, 2, 2, 2, 1, 8), (2, 2, 2, 2, 8))):
        m = Maker()
        yield m.case("SQUEEZE", [m.x(before)], [m.x(after)], squeezeDims=[len(before) - 2])
        m = Maker()
        yield m.case("EXPAND_DIMS", [m.x(after), m.i(len(before) - 2)], [m.x(before)])
    m = Maker()
    yield m.case("SHAPE", [m.x(IMAGE)], [m.x((4,), "INT32")], outType=2)


def transposes() -> Iterator[Case]:
    """Yield TRANSPOSE in all types, ranks 2 to 6."""
    shapes = ((2, 4, 8, 16), (2, 3, 4, 2, 8), (2, 2, 3, 4, 2, 8))
    for shape in shapes:
        for dtype in MOVED if len(shape) == 4 else ("FLOAT32", "INT32", "INT8", "INT16", "BOOL"):
            rank = len(shape)
            perm = (0, *range(2, rank), 1)
            m = Maker(dtype)
            moved = tuple(shape[k] for k in perm)
            yield m.case("TRANSPOSE", [m.x(shape), m.i(perm)], [m.x(moved)])


def joining() -> Iterator[Case]:
    """Yield CONCATENATION, PACK, UNPACK, SPLIT, SPLIT_V, TILE, BROADCAST_TO."""
    for dtype in MOVED:
        for axis in (3, 1):
            yield concat(dtype, (2, 8, 8, 16), axis)
        m = Maker(dtype)
        yield m.case("TILE", [m.x((1, 1, 8, 16)), m.i((1, 4, 1, 1))], [m.x((1, 4, 8, 16))])
        m = Maker(dtype)
        yield m.case("BROADCAST_TO", [m.x((1, 1, 1, 16)), m.i(IMAGE)], [m.x(IMAGE)])
        yield from stacks(dtype)
    for shape, axis in (((4, 8), 0), ((7,), 0), ((2, 2, 2, 2, 8), 4), ((2, 2, 2, 2, 2, 8), 5)):
        yield concat("FLOAT32", shape, axis)
        m = Maker()
        times = (2,) + (1,) * (len(shape) - 1)
        many = tuple(a * b for a, b in zip(shape, times, strict=True))
        yield m.case("TILE", [m.x(shape), m.i(times)], [m.x(many)])
        m = Maker()
        yield m.case("BROADCAST_TO", [m.x((1,) * len(shape)), m.i(shape)], [m.x(shape)])


def concat(dtype: str, shape: tuple[int, ...], axis: int) -> Case:
    """Return the case of joining two equal tensors."""
    m = Maker(dtype)
    joined = tuple(d * (1 + (k == axis)) for k, d in enumerate(shape))
    return m.case("CONCATENATION", [m.x(shape), m.x(shape)], [m.x(joined)], axis=axis)


def stacks(dtype: str) -> Iterator[Case]:
    """Yield PACK, UNPACK, SPLIT and SPLIT_V along the last, an inner and the first axis."""
    for axis in (2, 1, 0):
        many = (*(8, 16)[:axis], 2, *(8, 16)[axis:])
        m = Maker(dtype)
        yield m.case("PACK", [m.x((8, 16)), m.x((8, 16))], [m.x(many)], axis=axis, valuesCount=2)
        m = Maker(dtype)
        x = m.x(many)
        yield m.case("UNPACK", [x], [m.x((8, 16)), m.x((8, 16))], axis=axis, num=2)
        whole = [4, 8, 16]
        half = [d // (1 + (k == axis)) for k, d in enumerate(whole)]
        m = Maker(dtype)
        inputs = [m.i(axis), m.x(whole)]
        yield m.case("SPLIT", inputs, [m.x(half), m.x(half)], numSplits=2)
        m = Maker(dtype)
        inputs = [m.x(whole), m.i((half[axis], half[axis])), m.i(axis)]
        yield m.case("SPLIT_V", inputs, [m.x(half), m.x(half)], numSplits=2)


def slicing() -> Iterator[Case]:
    """Yield SLICE, STRIDED_SLICE in its forms, REVERSE_V2, DYNAMIC_UPDATE_SLICE."""
    for dtype in MOVED:
        m = Maker(dtype)
        yield m.case(
            "SLICE", [m.x(IMAGE), m.i((0, 1, 2, 3)), m.i((1, 4, 4, 8))], [m.x((1, 4, 4, 8))]
        )
        yield strided(dtype, (1, 1, 1), (1, 4, 4, 8))
        m = Maker(dtype)
        yield m.case("REVERSE_V2", [m.x(IMAGE), m.i((3,))], [m.x(IMAGE)])
    for dtype in ("FLOAT32", "INT8", "INT32"):
        yield strided(dtype, (2, 2, 1), (1, 2, 2, 8))
        yield strided(dtype, (-1, 1, 1), (1, 4, 4, 8))
        yield strided(dtype, (1, 1, 1), (4, 4, 8), shrinkAxisMask=1)
    yield strided("FLOAT32", (1, 1, 1), (1, 1, 4, 4), newAxisMask=1)
    for axis in ((0,), (1, 2)):
        m = Maker()
        yield m.case("REVERSE_V2", [m.x((4, 8, 8, 16)), m.i(axis)], [m.x((4, 8, 8, 16))])
    for shape in ((16,), (2, 2, 2, 4, 8), (2, 2, 2, 2, 4, 8)):
        m = Maker()
        half = (*shape[:-1], shape[-1] // 2)
        begin = m.i((0,) * (len(shape) - 1) + (2,))
        yield m.case("SLICE", [m.x(shape), begin, m.i(half)], [m.x(half)])
    m = Maker()
    inputs = [m.x(IMAGE), m.x((1, 2, 2, 16)), m.i((0, 1, 1, 0))]
    yield m.case("DYNAMIC_UPDATE_SLICE", inputs, [m.x(IMAGE)])


def strided(
    dtype: str, steps: tuple[int, int, int], result: tuple[int, ...], **option: Any
) -> Case:
    """Return the case of a slice of the inner axes of an image."""
    m = Maker(dtype)
    if option.get("newAxisMask"):
        inputs = [m.x((1, 8, 16)), m.i((0, 0, 2, 3)), m.i((1, 1, 6, 7)), m.i((1, 1, 1, 1))]
        return m.case("STRIDED_SLICE", inputs, [m.x(result)], **option)
    begin, end = [0, 1, 2, 3], [1, 5, 6, 11]
    if steps[0] < 0:
        begin[1], end[1] = 5, 1
    inputs = [m.x(IMAGE), m.i(begin), m.i(end), m.i((1, *steps))]
    return m.case("STRIDED_SLICE", inputs, [m.x(result)], **option)


def padding() -> Iterator[Case]:
    """Yield PAD, PADV2, MIRROR_PAD."""
    pads, padded = ((0, 0), (1, 2), (1, 2), (0, 0)), (1, 11, 11, 16)
    for dtype in MOVED:
        m = Maker(dtype)
        yield m.case("PAD", [m.x(IMAGE), m.i(pads)], [m.x(padded)])
        if dtype in ("FLOAT32", "INT32", "INT8"):
            m = Maker(dtype)
            value = m.i([1], "INT32") if dtype == "INT32" else m.w([1], scale=STEPS.get(dtype, 0))
            yield m.case("PADV2", [m.x(IMAGE), m.i(pads), value], [m.x(padded)])
        m = Maker(dtype)
        yield m.case("MIRROR_PAD", [m.x(IMAGE), m.i(pads)], [m.x(padded)], mode=0)
    m = Maker()
    yield m.case("MIRROR_PAD", [m.x(IMAGE), m.i(pads)], [m.x(padded)], mode=1)
    for shape in ((8,), (1, 2, 2, 2, 8), (1, 2, 2, 2, 2, 8)):
        for axis in (0, len(shape) - 1, 1):
            if axis < len(shape):
                yield pad_one(shape, axis)
    for axis in (0, 3):
        yield pad_one(IMAGE, axis)


def pad_one(shape: tuple[int, ...], axis: int) -> Case:
    """Return the case of padding one axis."""
    m = Maker()
    pads = np.zeros((len(shape), 2), np.int32)
    pads[axis] = (1, 2)
    padded = tuple(d + 3 * (k == axis) for k, d in enumerate(shape))
    return m.case("PAD", [m.x(shape), m.i(pads)], [m.x(padded)])


def resizing() -> Iterator[Case]:
    """Yield both resize operators in the three coordinate forms."""
    forms: tuple[dict[str, Any], ...] = ({}, {"alignCorners": True}, {"halfPixelCenters": True})
    for op in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        for form in forms:
            for dtype in ("FLOAT32", "INT8", "INT16"):
                m = Maker(dtype)
                yield m.case(op, [m.x(IMAGE), m.i((16, 16))], [m.x((1, 16, 16, 16))], **form)


def blocks() -> Iterator[Case]:
    """Yield the exchanges between space, depth and batch."""
    for dtype in ("FLOAT32", "INT32", "INT8", "INT16"):
        m = Maker(dtype)
        yield m.case("DEPTH_TO_SPACE", [m.x(IMAGE)], [m.x((1, 16, 16, 4))], blockSize=2)
        m = Maker(dtype)
        yield m.case("SPACE_TO_DEPTH", [m.x(IMAGE)], [m.x((1, 4, 4, 64))], blockSize=2)
        m = Maker(dtype)
        inputs = [m.x(IMAGE), m.i((2, 2)), m.i(((0, 0), (0, 0)))]
        yield m.case("SPACE_TO_BATCH_ND", inputs, [m.x((4, 4, 4, 16))])
        m = Maker(dtype)
        inputs = [m.x((4, 4, 4, 16)), m.i((2, 2)), m.i(((0, 0), (0, 0)))]
        yield m.case("BATCH_TO_SPACE_ND", inputs, [m.x(IMAGE)])


def gathering() -> Iterator[Case]:
    """Yield GATHER, GATHER_ND, SCATTER_ND, EMBEDDING_LOOKUP in all types."""
    for dtype in MOVED:
        for index in ("INT32", "INT64"):
            for axis in (2, 1, 0):
                m = Maker(dtype)
                taken = [4, 8, 16]
                taken[axis] = 3
                yield m.case(
                    "GATHER", [m.x((4, 8, 16)), m.i((0, 2, 1), index)], [m.x(taken)], axis=axis
                )
            m = Maker(dtype)
            yield m.case(
                "GATHER_ND", [m.x((4, 8, 16)), m.i(((0, 2), (1, 3)), index)], [m.x((2, 16))]
            )
        m = Maker(dtype)
        inputs = [m.i(((0,), (2,))), m.x((2, 16)), m.i((4, 16))]
        yield m.case("SCATTER_ND", inputs, [m.x((4, 16))])
    for shape in ((2, 2, 2, 2, 8), (2, 2, 2, 2, 2, 8)):
        m = Maker()
        less = (*shape[:-1], 3)
        axis = len(shape) - 1
        yield m.case("GATHER", [m.x(shape), m.i((0, 2, 1))], [m.x(less)], axis=axis)
    yield from paired_and_embedded()


def paired_and_embedded() -> Iterator[Case]:
    """Yield GATHER with paired batches, and EMBEDDING_LOOKUP of every weight type."""
    m = Maker()
    yield m.case(
        "GATHER", [m.x((2, 8, 16)), m.i(((0, 2), (1, 3)))], [m.x((2, 2, 16))], axis=1, batchDims=1
    )
    for dtype, rows in (("FLOAT32", None), ("INT8", 0), ("INT4", 0), ("INT2", 0), ("INT8", None)):
        m = Maker()
        inputs = [m.i((1, 3, 5)), m.w((8, 16), dtype, rows)]
        yield m.case("EMBEDDING_LOOKUP", inputs, [m.x((3, 16), "FLOAT32")])
    for dtype in ("INT4", "INT2"):
        m = Maker()
        inputs = [m.i((1, 3, 5)), m.w((8, 15), dtype, 0)]
        yield m.case("EMBEDDING_LOOKUP", inputs, [m.x((3, 15), "FLOAT32")])


def searching() -> Iterator[Case]:
    """Yield ARG_MAX, ARG_MIN, TOPK_V2, WHERE, NON_MAX_SUPPRESSION."""
    for dtype in ("FLOAT32", "INT32", "INT8", "INT16"):
        for op in ("ARG_MAX", "ARG_MIN"):
            for kind, code in (("INT32", 2), ("INT64", 4)):
                m = Maker(dtype)
                outputs = [m.x((4, 8), kind)]
                yield m.case(op, [m.x((4, 8, 16)), m.i(2)], outputs, outputType=code)
            for axis, left in ((0, (8, 16)), (1, (4, 16))):
                m = Maker(dtype)
                outputs = [m.x(left, "INT32")]
                yield m.case(op, [m.x((4, 8, 16)), m.i(axis)], outputs, outputType=2)
        m = Maker(dtype)
        yield m.case("TOPK_V2", [m.x((4, 16)), m.i(3)], [m.x((4, 3)), m.x((4, 3), "INT32")])
    m = Maker("BOOL")
    yield m.case("WHERE", [m.x((16,))], [m.x((0, 1), "INT64")])
    yield suppression("NON_MAX_SUPPRESSION_V4", ())
    yield suppression("NON_MAX_SUPPRESSION_V5", (0.0,))


def suppression(op: str, sigma: tuple[float, ...]) -> Case:
    """Return the case of non-maximum suppression of 16 boxes."""
    m = Maker()
    scalars: list[Any] = [m.i(5), *(m.i(v, "FLOAT32") for v in (0.5, 0.1, *sigma))]
    inputs = [m.x((16, 4)), m.x((16,)), *scalars]
    scores = [m.x((5,))] if sigma else []
    return m.case(op, inputs, [m.x((5,), "INT32"), *scores, m.x((), "INT32")])


def filling() -> Iterator[Case]:
    """Yield FILL, RANGE, ONE_HOT."""
    for dtype in ("FLOAT32", "INT32", "BOOL"):
        m = Maker(dtype)
        yield m.case("FILL", [m.i((4, 16)), m.x(())], [m.x((4, 16))])
    for dtype in ("FLOAT32", "INT32"):
        m = Maker(dtype)
        bounds = [m.i(v, dtype) for v in (0, 8, 1)]
        yield m.case("RANGE", bounds, [m.x((8,))])
        m = Maker(dtype)
        on, off = (m.w(()), m.w(())) if dtype == "FLOAT32" else (m.i(1), m.i(0))
        yield m.case("ONE_HOT", [m.x((4,), "INT32"), m.i(16), on, off], [m.x((4, 16))], axis=-1)
