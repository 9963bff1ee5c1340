"""ONNX pads in TFLite's two words, SAME and VALID, or as an operator of their own."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.tflite.cells import is_mistaken_row
from mmc.backends.tflite.emitter import Emitter
from mmc.backends.tflite.program import Array, Tensor
from mmc.window import Axis

ACTIVATION = {"": 0, "Relu": 1, "ReluN1To1": 2, "Relu6": 3}
"""Fused activations of the mmc operators as the schema's ActivationFunctionType."""


def place(e: Emitter, x: int, axes: list[Axis], fill: float = 0.0) -> tuple[int, int]:
    """Return the input and the padding word for these windows, with a PAD where neither fits."""
    if all(axis.is_valid for axis in axes):
        return x, schema.Padding.VALID
    if all(axis.is_same for axis in axes):
        return x, schema.Padding.SAME
    pads = [(0, 0), *((a.before, a.needed_after) for a in axes), (0, 0)]
    return pad(e, x, pads, fill), schema.Padding.VALID


def wider(e: Emitter, x: int, weight: int, axes: list[Axis]) -> list[Axis]:
    """Return the windows of a CONV_2D with a zero at their end, where SAME pads those rightly.

    Only 16-bit integers, which have no PAD, and where the zeros of weights take fewer bytes than
    the zeros that would be joined around the input; and rows whose pads must not be the same. Else
    the windows as they are.
    """
    source, held = e.program.tensors[x], e.program.tensors[weight]
    one, row = axes
    even = row.before if row.before == row.needed_after else 0
    sizes, kernel = (one.size, row.size), (one.kernel, row.kernel)
    floats = e.npu and source.dtype == "FLOAT32" and held.data is not None
    if floats and is_mistaken_row(sizes, kernel, even):
        return [one, replace(row, kernel=row.kernel + 1, after=row.after + row.dilation)]
    found = [
        a if a.is_same else replace(a, kernel=a.kernel + 1, after=a.after + a.dilation)
        for a in axes
    ]
    if source.dtype != "INT16" or held.data is None or not all(a.is_same for a in found):
        return axes
    sides = [(a.before + a.needed_after) / a.size for a in axes]
    joined_bytes = 2 * prod(source.shape) * sum(sides)
    grown = prod(a.kernel for a in found) / prod(a.kernel for a in axes) - 1
    return found if held.data.nbytes * grown < joined_bytes else axes


def widened(e: Emitter, weight: int, axes: list[Axis]) -> int:
    """Return a weight (O, *kernel, I) with zeros at the end of its windows, as wide as these."""
    old = e.program.tensors[weight]
    more = [(0, a.kernel - size) for a, size in zip(axes, old.shape[1:-1], strict=True)]
    if old.data is None or not any(after for _, after in more):
        return weight
    data = np.pad(old.data, [(0, 0), *more, (0, 0)])
    return e.add(replace(old, shape=data.shape, data=data))


def lowest(dtype: str) -> Array:
    """Return the smallest code: what -inf is among integers."""
    kind = np.dtype(dtype.lower())
    return np.array([np.iinfo(kind).min], kind)


def pad(e: Emitter, x: int, pads: list[tuple[int, int]], fill: float = 0.0) -> int:
    """Emit PAD (zeros) or PADV2; `pads` has one (before, after) per axis.

    Hexagon pads no 16-bit integers, but joins them (hexagon.toml, measured): CONCATENATION there.
    """
    tensor = e.program.tensors[x]
    if e.integer and tensor.dtype == "INT16":
        return joined(e, x, pads, fill)
    shape = [
        size + before + after for size, (before, after) in zip(tensor.shape, pads, strict=True)
    ]
    result = e.twin(x, shape)
    amounts = e.constant(np.array(pads, np.int32))
    if fill == 0:
        return e.op("PAD", [x, amounts], [result], schema.PadOptionsT())
    kind = np.dtype(tensor.dtype.lower())
    below_all = e.integer or (kind.kind in "iu" and fill < np.iinfo(kind).min)
    value: Array = lowest(tensor.dtype) if below_all else np.array([fill], kind)
    if e.integer:
        filled = e.add(Tensor("", (1,), tensor.dtype, value, tensor.quantization))
        return e.op("PADV2", [x, amounts, filled], [result], schema.PadV2OptionsT())
    return e.op("PADV2", [x, amounts, e.constant(value)], [result], schema.PadV2OptionsT())


def joined(e: Emitter, x: int, pads: list[tuple[int, int]], fill: float) -> int:
    """Pad axis by axis with CONCATENATION; `fill` is 0 or so low that the smallest code is it."""
    for axis, sides in enumerate(pads):
        if sides == (0, 0):
            continue
        like, shape = e.program.tensors[x], list(e.shape(x))
        parts = [border(e, like, shape, axis, count, fill) for count in sides]
        shape[axis] += sum(sides)
        options = schema.ConcatenationOptionsT()
        options.axis = axis
        around = [i for i in (parts[0], x, parts[1]) if i is not None]
        x = e.op("CONCATENATION", around, [e.twin(x, shape)], options)
    return x


def border(
    e: Emitter, like: Tensor, shape: list[int], axis: int, count: int, fill: float
) -> int | None:
    """Return `count` more slices along an axis, all of one code; None of no slices."""
    assert like.quantization is not None
    size = [*shape[:axis], count, *shape[axis + 1 :]]
    code = lowest(like.dtype)[0] if fill else like.quantization.zero_point[0]
    codes = np.full(size, code, np.dtype(like.dtype.lower()))
    return e.add(Tensor("", tuple(size), like.dtype, codes, like.quantization)) if count else None
