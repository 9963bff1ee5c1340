"""Blocks of pixels as channels: DepthToSpace and SpaceToDepth, in what exporters make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt, prod

import numpy as np

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.pass_manager import Contract
from mmc.passes.rules.gemms import free_to_change
from mmc.passes.rules.reshapes import perm_of
from mmc.passes.rules.slices import ranges
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

MOVED = op.Reshape(op.Transpose(op.Reshape("x", "inner")).named("turn"), "outer").named("n")
Move = tuple[tuple[int, ...], tuple[int, ...]]


@rewrite(MOVED, stage="recognize", contract=Contract.EXACT)
def recognize_depth_to_space(out: Builder, x: Value, turn: Node, n: Node) -> Value:
    """reshape(transpose(reshape(x (N, C b b, H, W))))  ->  depthtospace(x), DCR or CRD."""
    batch, made, high, wide, block = sizes_of(n.outputs[0], x)
    modes = {
        "DCR": ((batch, block, block, made, high, wide), (0, 3, 4, 1, 5, 2)),
        "CRD": ((batch, made, block, block, high, wide), (0, 1, 4, 2, 5, 3)),
    }
    mode = mode_of(turn, modes)
    return out.DepthToSpace(x, blocksize=block, mode=None if mode == "DCR" else mode)


@rewrite(MOVED, stage="recognize", contract=Contract.EXACT)
def recognize_space_to_depth(out: Builder, x: Value, turn: Node, n: Node) -> Value:
    """reshape(transpose(reshape(x (N, C, H b, W b))))  ->  spacetodepth(x), perhaps reordered."""
    batch, channels, high, wide, block = sizes_of(x, n.outputs[0])
    split = (batch, channels, high, block, wide, block)
    mode = mode_of(turn, {"DCR": (split, (0, 3, 5, 1, 2, 4)), "CRD": (split, (0, 1, 3, 5, 2, 4))})
    order = np.arange(channels * block**2)
    if mode == "CRD":
        order = order.reshape(-1, channels).T.reshape(-1)
    return with_channels(out, out.SpaceToDepth(x, blocksize=block), order)


def sizes_of(large: Value, small: Value) -> tuple[int, int, int, int, int]:
    """Return (N, C, H, W, b) of an image (N, C, H b, W b) and its blocks (N, C b b, H, W)."""
    shape, blocks = shape_of(large), shape_of(small)
    if len(shape) != 4 or len(blocks) != 4:
        raise NoMatch("it does not turn an image into an image")
    block = isqrt(blocks[1] // shape[1]) if shape[1] else 0
    wanted = (blocks[0], shape[1], blocks[2] * block, blocks[3] * block)
    if block < 2 or shape != wanted or blocks[1] != shape[1] * block**2:
        raise NoMatch("the sizes are not those of square blocks")
    return shape[0], shape[1], blocks[2], blocks[3], block


def mode_of(turn: Node, modes: Mapping[str, Move]) -> str:
    """Return the mode that moves data as `turn` does."""
    found = normal(shape_of(turn.inputs[0]), perm_of(turn))
    for mode, (shape, perm) in modes.items():
        if normal(shape, perm) == found:
            return mode
    raise NoMatch("it moves no blocks of pixels")


def normal(shape: Sequence[int], perm: Sequence[int]) -> Move:
    """Return a transpose without axes of size 1, and with axes that stay together as one."""
    kept = [axis for axis in perm if shape[axis] != 1]
    runs: list[list[int]] = []
    for axis in kept:
        before = runs[-1][-1] if runs else None
        together = before is not None and [a for a in range(before + 1, axis) if shape[a] != 1]
        if before is not None and before < axis and not together:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    first = sorted(runs)
    return tuple(prod(shape[a] for a in r) for r in first), tuple(first.index(r) for r in runs)


@rewrite(op.Concat(...).named("n"), stage="recognize", contract=Contract.EXACT)
def space_to_depth_of_slices(out: Builder, n: Node) -> Value:
    """concat(x[::b, ::b], x[1::b, ::b], ...)  ->  spacetodepth(x), perhaps reordered.

    With channels last it is one transpose of four axes, for blocks in the order of rows or columns.
    """
    parts = [value.producer() for value in n.inputs if value is not None]
    sources = {p.inputs[0] for p in parts if p is not None and p.op_type == "Slice"}
    (x, *others) = sources or [None]
    channel = attrs(n)["axis"] % max(len(shape_of(n.outputs[0])), 1)
    if others or x is None or None in parts or len(shape_of(x)) != 4 or channel not in (1, 3):
        raise NoMatch("it does not join slices of one image along the channels")
    block, channels = isqrt(len(parts)), shape_of(x)[channel]
    space = {axis: shape_of(x)[axis] for axis in (1, 2, 3) if axis != channel}
    corners = [corner_of(p, block, space) for p in parts if p is not None]
    if block < 2 or sorted(corners) != list(range(block * block)):
        raise NoMatch("the slices are not all the pixels of square blocks")
    if channel == 3:
        return blocks_last(out, x, corners, shape_of(n.outputs[0]))
    order = np.concatenate([np.arange(channels) + corner * channels for corner in corners])
    return with_channels(out, out.SpaceToDepth(x, blocksize=block), order)


def blocks_last(out: Builder, x: Value, corners: list[int], shape: Sequence[int]) -> Value:
    """Record the blocks of an image with channels last: rows (h b) turn with columns (w b)."""
    block, (_, _, wide, channels) = isqrt(len(corners)), shape_of(x)
    by_rows = np.arange(block**2).reshape(block, block)
    if corners == by_rows.reshape(-1).tolist():
        inner = [wide // block, block * channels]
    elif corners == by_rows.T.reshape(-1).tolist():
        inner = [wide, channels]
    else:
        raise NoMatch("the pixels of a block are in no order of rows or columns")
    turned = out.Transpose(out.Reshape(x, [-1, block, *inner]), perm=(0, 2, 1, 3))
    made: Value = out.Reshape(turned, list(shape))
    return made


def corner_of(part: Node, block: int, space: Mapping[int, int]) -> int:
    """Return which pixel of each block a Slice takes, counted by rows; -1 if none.

    `space` has the sizes of the two axes of an image.
    """
    if part.op_type != "Slice" or not block or any(size % block for size in space.values()):
        return -1
    spans = {axis: span for axis, *span in ranges(part)}
    if set(spans) != set(space):
        return -1
    corner = 0
    for axis, size in space.items():
        start, stop, step = spans[axis]
        if stop <= size - block + start or step != block or start >= block:
            return -1
        corner = corner * block + start
    return corner


def with_channels(out: Builder, y: Value, order: Array) -> Value:
    """Record the channels of `y` in another order."""
    if (order == np.arange(len(order))).all():
        return y
    made: Value = out.Gather(y, order, axis=1)
    return made


@rewrite(
    op.Conv(op.Gather("x", const("order")).named("gather"), const("w"), maybe("b")).named("n"),
    stage="fuse",
)
def conv_of_reordered(
    out: Builder, x: Value, order: Array, w: Array, b: Value | None, gather: Node, n: Node
) -> Value:
    """conv(x[:, order], w)  ->  conv(x, w[:, the inverse of order]), for a permutation."""
    if attrs(gather)["axis"] != 1 or attrs(n)["group"] != 1:
        raise NoMatch("it does not reorder the channels of one group")
    if order.ndim != 1 or sorted(order.tolist()) != list(range(w.shape[1])):
        raise NoMatch("the indices are no permutation of all channels")
    if not free_to_change(n.inputs[1]):
        raise NoMatch("the weight is large and shared")
    return out.again(n, [x, np.ascontiguousarray(w[:, np.argsort(order)]), b])
