"""Resizing of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mil import Array
from ..operator import Context, UnsupportedError, operator
from .movement import listed


def grid(size: Any, count: int, mode: str) -> Array:
    """Return the places in [0, size - 1] that `count` results are taken from, not clipped."""
    i = np.arange(count)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        if count == 1:
            return np.array([(size - 1) / 2 if mode == "ALIGN_CORNERS" else 0.0])
        return np.asarray(i * ((size - 1) / (count - 1)))
    if mode == "DEFAULT":
        return np.asarray(i * (size / count))
    if mode == "OFFSET_CORNERS":
        delta = max(1, size - 1) / count
        return np.asarray((0.5 + i) * delta)
    if mode == "UNALIGN_CORNERS":
        return np.asarray((i + 0.5) * (size / count) - 0.5)
    raise UnsupportedError(f"sampling mode {mode!r}")


def interpolated(x: Array, places: Array, axis: int) -> Array:
    """Return x between its elements along an axis, linearly."""
    size = x.shape[axis]
    at = np.clip(places, 0, size - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    shape = [1] * x.ndim
    shape[axis] = -1
    part = (at - low).astype(np.float32).reshape(shape)
    below, above = np.take(x, low, axis), np.take(x, high, axis)
    return np.asarray(below + (above - below) * part)


def nearest(x: Array, count: int, axis: int, mode: str = "DEFAULT") -> Array:
    """Return x at the nearest element; DEFAULT takes the one at or before the place."""
    size = x.shape[axis]
    if mode == "DEFAULT":
        places = np.arange(count) * size // count
    else:
        places = np.floor(grid(size, count, mode) + 0.5).astype(np.int64)
    return np.asarray(np.take(x, np.clip(places, 0, size - 1), axis))


def bilinear(x: Array, height: int, width: int, mode: str) -> Array:
    """Return the image in another size."""
    x = interpolated(x, grid(x.shape[-2], height, mode), x.ndim - 2)
    return interpolated(x, grid(x.shape[-1], width, mode), x.ndim - 1)


@operator("resize_bilinear")
def resize_bilinear(
    x: Array,
    target_size_height: Any = 1,
    target_size_width: Any = 1,
    sampling_mode: str = "DEFAULT",
) -> Array:
    """The last two axes in given sizes, interpolated."""
    return bilinear(x, int(target_size_height), int(target_size_width), sampling_mode)


@operator("resize_nearest_neighbor")
def resize_nearest_neighbor(x: Array, target_size_height: Any, target_size_width: Any) -> Array:
    """The last two axes in given sizes: element floor(i * size / target)."""
    return nearest(
        nearest(x, int(target_size_height), x.ndim - 2), int(target_size_width), x.ndim - 1
    )


def larger(size: int, factor: Any) -> int:
    """Return floor(size * factor)."""
    return int(np.floor(size * np.asarray(factor).item()))


@operator("upsample_nearest_neighbor")
def upsample_nearest_neighbor(
    x: Array, scale_factor_height: Any = 1, scale_factor_width: Any = 1
) -> Array:
    """The last two axes larger by factors: element floor(i / factor)."""
    height = larger(x.shape[-2], scale_factor_height)
    return np.asarray(resize_nearest_neighbor(x, height, larger(x.shape[-1], scale_factor_width)))


@operator("upsample_bilinear")
def upsample_bilinear(
    x: Array,
    scale_factor_height: Any = 1,
    scale_factor_width: Any = 1,
    align_corners: Any = True,
    half_pixel_centers: Any = None,
) -> Array:
    """The last two axes larger by factors, interpolated; the true factor is that of the sizes."""
    half = not bool(align_corners) if half_pixel_centers is None else bool(half_pixel_centers)
    if bool(align_corners) and half:
        raise UnsupportedError("aligned corners and half pixel centers at once")
    mode = "STRICT_ALIGN_CORNERS" if bool(align_corners) else "DEFAULT"
    mode = "UNALIGN_CORNERS" if half else mode
    height = larger(x.shape[-2], scale_factor_height)
    return bilinear(x, height, larger(x.shape[-1], scale_factor_width), mode)


@operator("resize")
def resize(
    x: Array,
    shape: Any,
    resized_dims: Any,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Array:
    """The last axes in the sizes that `shape` ends with; 0 keeps a size."""
    count = int(resized_dims)
    for axis, size in zip(range(x.ndim - count, x.ndim), listed(shape)[-count:], strict=True):
        wanted = size or x.shape[axis]
        if interpolation_mode == "NEAREST_NEIGHBOR":
            x = nearest(x, wanted, axis, sampling_mode)
        else:
            x = interpolated(x, grid(x.shape[axis], wanted, sampling_mode), axis)
    return x


@operator("crop_resize")
def crop_resize(
    x: Array,
    context: Context,
    roi: Array | None = None,
    boxes: Array | None = None,
    box_indices: Array | None = None,
    target_height: Any = 1,
    target_width: Any = 1,
    normalized_coordinates: Any = False,
    spatial_scale: Any = 1.0,
    box_coordinate_mode: str = "CORNERS_HEIGHT_FIRST",
    sampling_mode: str = "DEFAULT",
    pad_value: Any = None,
) -> Array:
    """Boxes of the images in one size; from iOS 16 on, places outside have the pad value."""
    given = roi if boxes is None else boxes
    if given is None:
        raise UnsupportedError("no boxes")
    rows = given.reshape(given.shape[0], -1).astype(np.float32)
    images: Any = box_indices
    if rows.shape[1] == 5:
        images, rows = rows[:, 0].astype(np.int64), rows[:, 1:]
    elif boxes is not None and images is None:
        images = np.arange(len(rows))
    scale: Array = np.asarray(spatial_scale, np.float32)
    if bool(normalized_coordinates):
        scale = scale * np.array([x.shape[2] - 1, x.shape[3] - 1] * 2, np.float32)
    corners = to_corners(rows, box_coordinate_mode) * scale
    outside = None if context.opset < 6 else float(0 if pad_value is None else pad_value)
    size = int(target_height), int(target_width)
    made = []
    for number, box in enumerate(corners):
        source = x if images is None else x[int(images[number])][None]
        made.append(cropped(source, box, size, sampling_mode, outside))
    found = np.stack(made)
    return found[:, 0] if boxes is not None else found


def to_corners(rows: Array, mode: str) -> Array:
    """Return boxes as (top, left, bottom, right)."""
    if mode.endswith("WIDTH_FIRST"):
        rows = rows[:, [1, 0, 3, 2]]
    if mode.startswith("CORNERS"):
        return rows
    centre, extent = rows[:, :2], rows[:, 2:]
    return np.concatenate([centre - extent / 2, centre + extent / 2], axis=1)


def cropped(x: Array, box: Array, size: tuple[int, int], mode: str, outside: float | None) -> Array:
    """Return one box of images (N, C, H, W)."""
    inside = np.ones(size, np.bool_)
    for axis, count in enumerate(size):
        start, end = float(box[axis]), float(box[axis + 2])
        places = start + grid(end - start + 1, count, mode)
        limit = x.shape[2 + axis] - 1
        shape = (-1, 1) if axis == 0 else (1, -1)
        inside &= ((places >= 0) & (places <= limit)).reshape(shape)
        x = interpolated(x, places, 2 + axis)
    return x if outside is None else np.where(inside, x, np.float32(outside))
