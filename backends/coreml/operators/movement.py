"""Operators that move elements and compute none."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mil import Array
from ..operator import UnsupportedError, operator


def listed(value: Any) -> list[int]:
    """Return integers."""
    return [int(v) for v in np.asarray(value).reshape(-1)]


@operator("reshape")
def reshape(x: Array, shape: Any) -> Array:
    """x in another shape; 0 keeps the size at its place (counted from the end), -1 is the rest."""
    sizes = listed(shape)
    if len(sizes) == x.ndim:
        sizes = [old if new == 0 else new for old, new in zip(x.shape, sizes, strict=True)]
    elif 0 in sizes and x.size:
        raise UnsupportedError("a size of 0 where the rank changes")
    return x.reshape(sizes)


@operator("reshape_like")
def reshape_like(x: Array, ref_tensors: Any, begins: Any, ends: Any, end_masks: Any) -> Array:
    """x in the sizes [begin, end) of other tensors, one after the other."""
    sizes: list[int] = []
    for ref, begin, end, mask in zip(ref_tensors, begins, ends, end_masks, strict=True):
        sizes += ref.shape[int(begin) : None if bool(mask) else int(end)]
    return x.reshape(sizes)


@operator("transpose")
def transpose(x: Array, perm: Any) -> Array:
    """Axis i of the result is axis perm[i] of x."""
    return x.transpose(listed(perm))


@operator("expand_dims")
def expand_dims(x: Array, axes: Any) -> Array:
    """x with axes of size 1 at these places of the result."""
    return np.expand_dims(x, tuple(listed(axes)))


@operator("squeeze")
def squeeze(x: Array, axes: Any = None) -> Array:
    """x without these axes of size 1, or without all."""
    return np.squeeze(x, None if axes is None else tuple(listed(axes)))


@operator("flatten2d")
def flatten2d(x: Array, axis: Any = 1) -> Array:
    """(product of the sizes before the axis, product of the others)."""
    split = int(axis) if int(axis) >= 0 else x.ndim + int(axis)
    return x.reshape(int(np.prod(x.shape[:split])), -1)


@operator("concat")
def concat(values: tuple[Array, ...], axis: Any, interleave: Any = False) -> Array:
    """The tensors after each other along an axis, or element by element in turn."""
    along = int(axis)
    if not bool(interleave):
        return np.concatenate(values, along)
    along %= values[0].ndim
    shape = list(values[0].shape)
    shape[along] *= len(values)
    return np.stack(values, along + 1).reshape(shape)


@operator("stack")
def stack(values: tuple[Array, ...], axis: Any) -> Array:
    """The tensors along a new axis."""
    return np.stack(values, int(axis))


@operator("split")
def split(
    x: Array, axis: Any, num_splits: Any = None, split_sizes: Any = None
) -> tuple[Array, ...]:
    """Parts of given sizes, or `num_splits` equal ones."""
    along = int(axis)
    if split_sizes is None:
        return tuple(np.split(x, int(num_splits), along))
    sizes = listed(split_sizes)
    if sum(sizes) != x.shape[along]:
        raise UnsupportedError(f"parts {sizes} of {x.shape[along]} elements")
    return tuple(np.split(x, np.cumsum(sizes)[:-1], along))


@operator("slice_by_index")
def slice_by_index(
    x: Array,
    begin: Any,
    end: Any,
    stride: Any = None,
    begin_mask: Any = None,
    end_mask: Any = None,
    squeeze_mask: Any = None,
) -> Array:
    """x[begin:end:stride]; masked ends are open, squeezed axes take the element at begin."""
    return x[index(x.ndim, begin, end, stride, begin_mask, end_mask, squeeze_mask)]


def index(
    rank: int, begin: Any, end: Any, stride: Any, begins: Any, ends: Any, squeezes: Any
) -> tuple[slice | int, ...]:
    """Return numpy's index for a slice of an operation."""
    first, last = listed(begin), listed(end)
    step = [1] * rank if stride is None else listed(stride)
    masks = [[0] * rank if m is None else listed(m) for m in (begins, ends, squeezes)]
    return tuple(
        first[i]
        if masks[2][i]
        else slice(None if masks[0][i] else first[i], None if masks[1][i] else last[i], step[i])
        for i in range(rank)
    )


@operator("slice_update")
def slice_update(
    x: Array,
    update: Array,
    begin: Any,
    end: Any,
    stride: Any = None,
    begin_mask: Any = None,
    end_mask: Any = None,
    squeeze_mask: Any = None,
) -> Array:
    """x with a slice of it replaced."""
    found = x.copy()
    found[index(x.ndim, begin, end, stride, begin_mask, end_mask, squeeze_mask)] = update
    return found


@operator("slice_by_size")
def slice_by_size(x: Array, begin: Any, size: Any) -> Array:
    """x[begin : begin + size]; a size of -1 goes to the end."""
    return x[
        tuple(
            slice(b % n if n else b, None if s == -1 else (b % n if n else b) + s)
            for b, s, n in zip(listed(begin), listed(size), x.shape, strict=True)
        )
    ]


PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}


@operator("pad")
def pad(x: Array, pad: Any, mode: str = "constant", constant_val: Any = 0) -> Array:
    """x with [before, after] elements an axis; short lists are for the last axes."""
    if mode not in PAD_MODES:
        raise UnsupportedError(f"pad mode {mode!r}")
    pairs = np.asarray(pad, np.int64).reshape(-1, 2)
    around = [(0, 0)] * (x.ndim - len(pairs)) + [(int(a), int(b)) for a, b in pairs]
    if mode == "constant":
        return np.pad(x, around, constant_values=np.asarray(constant_val).item())
    return np.pad(x, around, mode=PAD_MODES[mode])  # type: ignore[call-overload,no-any-return]


@operator("crop")
def crop(x: Array, crop_height: Any, crop_width: Any) -> Array:
    """x without the outer rows and columns."""
    (top, bottom), (left, right) = listed(crop_height), listed(crop_width)
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]


@operator("tile")
def tile(x: Array, reps: Any) -> Array:
    """x repeated along each axis."""
    return np.tile(x, listed(reps))


@operator("reverse")
def reverse(x: Array, axes: Any = None) -> Array:
    """x from the end along these axes, or all."""
    return np.flip(x, None if axes is None else tuple(listed(axes)))


@operator("reverse_sequence")
def reverse_sequence(x: Array, lengths: Any, seq_axis: Any = 0, batch_axis: Any = 0) -> Array:
    """The first lengths[b] elements along seq_axis reversed, for every b of batch_axis."""
    along, batch = int(seq_axis) % x.ndim, int(batch_axis) % x.ndim
    moved = np.moveaxis(x, (batch, along), (0, 1)).copy()
    for row, length in zip(moved, listed(lengths), strict=True):
        row[:length] = row[:length][::-1].copy()
    return np.moveaxis(moved, (0, 1), (batch, along))


@operator("sliding_windows")
def sliding_windows(x: Array, axis: Any, size: Any, stride: Any = 1) -> Array:
    """All windows along an axis, a stride apart; the window is the axis after it."""
    along = int(axis) % x.ndim
    view = np.lib.stride_tricks.sliding_window_view(x, int(size), along)
    view = np.moveaxis(view, -1, along + 1)
    return np.take(view, np.arange(0, view.shape[along], int(stride)), axis=along)


@operator("depth_to_space")
def depth_to_space(x: Array, block_size: Any) -> Array:
    """Channels (block row, block column, c) become blocks of the image (TensorFlow's order)."""
    n, c, h, w = x.shape
    b = int(block_size)
    parts = x.reshape(n, b, b, c // b // b, h, w).transpose(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, c // b // b, h * b, w * b)


@operator("space_to_depth")
def space_to_depth(x: Array, block_size: Any) -> Array:
    """Blocks of the image become channels (block row, block column, c)."""
    n, c, h, w = x.shape
    b = int(block_size)
    parts = x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4)
    return parts.reshape(n, c * b * b, h // b, w // b)


@operator("pixel_shuffle")
def pixel_shuffle(x: Array, upscale_factor: Any) -> Array:
    """Channels (c, block row, block column) become blocks of the image (PyTorch's order)."""
    n, c, h, w = x.shape
    b = int(upscale_factor)
    parts = x.reshape(n, c // b // b, b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(n, c // b // b, h * b, w * b)


@operator("pixel_unshuffle")
def pixel_unshuffle(x: Array, downscale_factor: Any) -> Array:
    """Blocks of the image become channels (c, block row, block column)."""
    n, c, h, w = x.shape
    b = int(downscale_factor)
    parts = x.reshape(n, c, h // b, b, w // b, b).transpose(0, 1, 3, 5, 2, 4)
    return parts.reshape(n, c * b * b, h // b, w // b)


@operator("space_to_batch")
def space_to_batch(x: Array, block_shape: Any, paddings: Any) -> Array:
    """The padded image's blocks become images: batch (block row, block column, n)."""
    by, bx = listed(block_shape)
    around = [(int(a), int(b)) for a, b in np.asarray(paddings).reshape(-1, 2)]
    x = np.pad(x, [(0, 0), (0, 0), *around])
    n, c, h, w = x.shape
    parts = x.reshape(n, c, h // by, by, w // bx, bx).transpose(3, 5, 0, 1, 2, 4)
    return parts.reshape(by * bx * n, c, h // by, w // bx)


@operator("batch_to_space")
def batch_to_space(x: Array, block_shape: Any, crops: Any) -> Array:
    """Images (block row, block column, n) become blocks, then the outer elements go."""
    by, bx = listed(block_shape)
    n, c, h, w = x.shape
    parts = x.reshape(by, bx, n // by // bx, c, h, w).transpose(2, 3, 4, 0, 5, 1)
    whole = parts.reshape(n // by // bx, c, h * by, w * bx)
    (top, bottom), (left, right) = np.asarray(crops).reshape(-1, 2).tolist()
    return np.asarray(crop(whole, [top, bottom], [left, right]))
