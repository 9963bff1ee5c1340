"""DeformConv: a convolution whose kernel reads at computed places."""

from __future__ import annotations

from functools import reduce as fold
from itertools import product
from math import prod

import numpy as np

from mmc.ir import Array, Node, Value, attrs, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

from .grid_sample import Corner, image_starts, neighbours, term
from .parts import need_float, number, reshape


@rewrite(
    op.DeformConv("x", const("w"), "offset", maybe("b"), maybe("mask")).named("n"),
    stage="decompose",
)
def deform_conv(
    out: Builder, x: Value, w: Array, offset: Value, b: Value | None, mask: Value | None, n: Node
) -> Value:
    """deform_conv(x (N, C, H, W), w, offset)  ->  (samples of x * mask) (N, P, K C) @ w (K C, M).

    K are the kernel's places, P those of the result. Each of the `offset_group` groups of channels
    is an image of its own; a frame of zero pixels stands for all that is outside.
    """
    need_float(x, offset)
    shape, groups = shape_of(x), attrs(n)["offset_group"]
    if len(shape) != 4:
        raise NoMatch("it is not over two axes")
    batch, channels, *space = shape
    images, share, sizes = batch * groups, channels // groups, [s + 2 for s in space]
    count, results = prod(w.shape[2:]), shape_of(n.outputs[0])[2:]
    split = out.Transpose(reshape(out, x, (images, share, *space)), perm=[0, 2, 3, 1])
    framed = out.Pad(split, np.array([0, 1, 1, 0] * 2, np.int64))
    table = reshape(out, framed, (images * prod(sizes), share))
    moves = reshape(out, offset, (images, count, 2, prod(results)))
    corners = [kernel_places(out, moves, axis, n, w.shape[2:], results) for axis in (0, 1)]
    places = (images, count, prod(results))
    starts = image_starts(images, 2, sizes)
    terms = [term(out, table, chosen, sizes, places, starts) for chosen in product(*corners)]
    read = fold(lambda left, right: out.Add(left, right), terms)
    if mask is not None:
        read = out.Mul(read, reshape(out, mask, (*places, 1)))
    read = reshape(out, read, (batch, groups, count, prod(results), share))
    rows = reshape(
        out, out.Transpose(read, perm=[0, 3, 1, 2, 4]), (batch, prod(results), count * channels)
    )
    y = out.MatMul(rows, as_matrix(w, channels, groups))
    if b is not None:
        y = out.Add(y, b)
    return reshape(out, out.Transpose(y, perm=[0, 2, 1]), (batch, len(w), *results))


def kernel_places(
    out: Builder,
    moves: Value,
    axis: int,
    n: Node,
    kernel: tuple[int, ...],
    results: tuple[int, ...],
) -> list[Corner]:
    """Return the pixels around the places (images, K, P) that the kernel reads along an axis."""
    given, size = attrs(n), shape_of(n.inputs[0])[2 + axis]
    strides, dilations = given.get("strides", [1, 1]), given.get("dilations", [1, 1])
    offset = n.inputs[2]
    assert offset is not None
    first = given.get("pads", [0] * 4)[axis]
    tap = np.indices(kernel)[axis].reshape(-1, 1) * dilations[axis]
    start = np.indices(results)[axis].reshape(1, -1) * strides[axis]
    regular = (start + tap - first + 1).astype(dtype_of(offset))
    place = out.Add(out.Gather(moves, np.array(axis, np.int64), axis=2), regular)
    inside = out.Clip(place, number(offset, 0), number(offset, size + 1))
    return neighbours(out, inside, size + 1, offset)


def as_matrix(w: Array, channels: int, groups: int) -> Array:
    """Return the kernel (M, C / group, kH, kW) as a matrix: rows in the order (group, K, C)."""
    flat = w.reshape(*w.shape[:2], -1)
    outputs, own, count = flat.shape
    dense = np.zeros((outputs, channels, count), w.dtype)
    share = outputs * own // channels  # results of one group
    for first in range(0, outputs, share):
        start = first // share * own
        dense[first : first + share, start : start + own] = flat[first : first + share]
    parts = dense.reshape(outputs, groups, channels // groups, count)
    return np.ascontiguousarray(parts.transpose(1, 3, 2, 0).reshape(-1, outputs))
