"""Padding: constant, reflect, edge, wrap; negative pads crop."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported, known
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute, reshape
from mmc.backends.tflite.lowerings.slice import part
from mmc.ir import Array, Node, attrs, constant, operand, shape_of

MAX_RANK = 5
MANY = 1 << 14
"""Elements from which on two RESHAPEs cost less than what they save."""
Pads = list[tuple[int, int]]


@lowers("Pad")
def pad(e: Emitter, n: Node) -> None:
    """y = x with `pads` more elements before and after; see the modes below."""
    pads = pads_of(n)
    x, mode = e.tensor(n.inputs[0]), attrs(n)["mode"]
    if not any(before or after for before, after in pads):
        e.alias(n.outputs[0], x)
    elif mode == "constant":
        constant_pad(e, n, x, pads)
    elif mode == "reflect" and mirrors(e.shape(x), pads):
        mirror_pad(e, n, x, pads)
    else:
        gather_pad(e, x, pads, mode, e.tensor(n.outputs[0]))


def pads_of(n: Node) -> Pads:
    """Return (before, after) of every axis."""
    rank = len(shape_of(n.inputs[0]))
    amounts, axes = known(n, 1), known(n, 3)
    assert amounts is not None
    axes = list(range(rank)) if axes is None else [axis % rank for axis in axes]
    pads = [(0, 0)] * rank
    for i, axis in enumerate(axes):
        pads[axis] = amounts[i], amounts[i + len(axes)]
    return pads


def mirrors(shape: Sequence[int], pads: Pads) -> bool:
    """Say whether one reflection is enough, and nothing is cropped."""
    sides = [(size, side) for size, pair in zip(shape, pads, strict=True) for side in pair]
    return all(0 <= side < size or side == 0 for size, side in sides)


def mirror_pad(e: Emitter, n: Node, x: int, pads: Pads) -> None:
    """MIRROR_PAD; axes of one element behind the padded one move to the front.

    Behind a DEQUANTIZE of 16 bits Hexagon's compiler takes it along the last axis only (measured).
    """
    options = schema.MirrorPadOptionsT()
    options.mode = schema.MirrorPadMode.REFLECT
    y, behind = e.tensor(n.outputs[0]), trailing_ones(e.shape(x))
    shape = (*(1,) * behind, *e.shape(x)[: len(pads) - behind])
    pads = [*((0, 0),) * behind, *pads[: len(pads) - behind]]
    sizes = [size + before + after for size, (before, after) in zip(shape, pads, strict=True)]
    x = reshape(e, x, shape) if behind else x
    result = e.like(n.outputs[0], sizes) if behind else y
    amounts = e.constant(np.array(pads, np.int32))
    compute(e, "MIRROR_PAD", [x, amounts], result, options, data=(0,))
    if behind:
        reshape(e, result, e.shape(y), y)


def trailing_ones(shape: Sequence[int]) -> int:
    """Return how many axes at the end have one element, which no reflection can pad."""
    return next((k for k, size in enumerate(reversed(shape)) if size != 1), 0)


def constant_pad(e: Emitter, n: Node, x: int, pads: Pads) -> None:
    """Crop what is negative with SLICE, then PAD with zeros or PADV2 with a value."""
    y, pads = e.tensor(n.outputs[0]), list(pads)
    value = operand(n, 2)
    x = crop(e, x, pads, y)
    pads = [(max(before, 0), max(after, 0)) for before, after in pads]
    if x == y:
        return
    shape = e.shape(x)
    if len(shape) > MAX_RANK:
        shape, pads = merged(shape, pads)
        if len(shape) > MAX_RANK:
            raise Unsupported(f"PAD of {len(shape)} axes")
        x = reshape(e, x, shape)
    elif not e.npu and prod(shape) >= MANY and not read_by_convolution(n):
        shape, pads = widened(shape, pads)
        x = reshape(e, x, shape) if shape != e.shape(x) else x
    amounts = e.constant(np.array(pads, np.int32))
    sizes = [size + before + after for size, (before, after) in zip(shape, pads, strict=True)]
    result = y if tuple(sizes) == e.shape(y) else e.like(n.outputs[0], sizes)
    fill = constant(value)
    if value is None or (fill is not None and not fill.any()):
        compute(e, "PAD", [x, amounts], result, schema.PadOptionsT(), data=(0,))
    else:
        operands = [x, amounts, reshape(e, e.tensor(value), (1,))]
        compute(e, "PADV2", operands, result, schema.PadV2OptionsT(), data=(0, 2))
    if result != y:
        reshape(e, result, e.shape(y), y)


def read_by_convolution(n: Node) -> bool:
    """Say whether a runtime takes the pad into the convolution behind it: XNNPACK does."""
    names = (use.node.op_type for use in n.outputs[0].uses())
    return any(name.startswith(("Conv2d", "DepthwiseConv2d")) for name in names)


def widened(shape: tuple[int, ...], pads: Pads) -> tuple[tuple[int, ...], Pads]:
    """Merge the axes at the end that are not padded into the last that is.

    A processor copies whole rows then, not the few numbers of a pixel: 30 times as fast (measured).
    """
    last = max(axis for axis, pair in enumerate(pads) if pair != (0, 0))
    inner = prod(shape[last + 1 :])
    before, after = pads[last]
    wide: Pads = [*pads[:last], (before * inner, after * inner)]
    return (*shape[:last], shape[last] * inner), wide


def crop(e: Emitter, x: int, pads: Pads, y: int) -> int:
    """Cut off the negative pads; into `y` when there are no others."""
    if all(side >= 0 for pair in pads for side in pair):
        return x
    begins = [max(-before, 0) for before, _ in pads]
    ends = [size - max(-after, 0) for size, (_, after) in zip(e.shape(x), pads, strict=True)]
    sizes = [max(end - begin, 0) for begin, end in zip(begins, ends, strict=True)]
    if 0 in sizes:
        raise Unsupported("negative pads leave nothing of the tensor")
    only = all(side <= 0 for pair in pads for side in pair)
    return part(e, x, begins, y if only else e.new(sizes, e.program.tensors[x].dtype.lower()))


def merged(shape: Sequence[int], pads: Pads) -> tuple[tuple[int, ...], Pads]:
    """Merge neighbouring axes that are not padded."""
    sizes: list[int] = []
    kept: Pads = []
    for size, pair in zip(shape, pads, strict=True):
        if kept and pair == (0, 0) == kept[-1]:
            sizes[-1] *= size
        else:
            sizes.append(size)
            kept.append(pair)
    return tuple(sizes), kept


def gather_pad(e: Emitter, x: int, pads: Pads, mode: str, y: int) -> None:
    """Any mode, axis by axis: GATHER at the positions that each new element is a copy of."""
    padded = [axis for axis, pair in enumerate(pads) if pair != (0, 0)]
    for axis in padded:
        shape = list(e.shape(x))
        positions = source_positions(shape[axis], *pads[axis], mode)
        shape[axis] = len(positions)
        options = schema.GatherOptionsT()
        options.axis = axis
        result = y if axis == padded[-1] else e.new(shape, e.program.tensors[x].dtype.lower())
        indices = e.constant(positions.astype(np.int32))
        x = compute(e, "GATHER", [x, indices], result, options, data=(0,))


def source_positions(size: int, before: int, after: int, mode: str) -> Array:
    """Return, for each element of a padded axis, the element that it repeats.

    Negative pads crop first: what is cut off is never repeated.
    """
    kept: Array = np.arange(size)[max(-before, 0) : size - max(-after, 0)]
    count = len(kept)
    positions: Array = np.arange(-max(before, 0), count + max(after, 0))
    if not count:
        raise Unsupported("negative pads leave nothing of the tensor")
    if mode == "edge":
        positions = positions.clip(0, count - 1)
    elif mode == "wrap":
        positions = positions % count
    elif mode == "reflect":
        period = max(2 * (count - 1), 1)
        positions = np.minimum(positions % period, (period - positions) % period)
    else:
        raise Unsupported(f"Pad with mode {mode!r}")
    return np.asarray(kept[positions])
