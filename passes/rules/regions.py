"""RoiAlign: regions of images sampled at computed places, then pooled."""

from __future__ import annotations

from functools import reduce as fold
from itertools import product
from math import prod
from typing import Any

import numpy as np

from mmc.ir import Node, Value, attrs, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch, op, rewrite

from .grid_sample import Corner, neighbours, term
from .parts import need_float, number, reshape


@rewrite(op.RoiAlign("x", "rois", "images").named("n"), stage="decompose")
def roi_align(out: Builder, x: Value, rois: Value, images: Value, n: Node) -> Value:
    """roi_align(x (N, C, H, W), rois (R, 4))  ->  pool(Σ weight * gather(pixels of x, place)).

    Every bin has `sampling_ratio` places along an axis, and is their mean or maximum. As ONNX
    Runtime does, the maximum is also one over the four weighted pixels around each place.
    """
    need_float(x, rois)
    given, sizes = attrs(n), list(shape_of(x)[2:])
    ratio = given["sampling_ratio"]
    if ratio <= 0:
        raise NoMatch("its sampling_ratio is 0: how many places a bin has depends on the data")
    counts = [given["output_height"] * ratio, given["output_width"] * ratio]
    corners = [region_places(out, rois, axis, sizes[axis], counts[axis], n) for axis in (0, 1)]
    batch, channels = shape_of(x)[:2]
    table = reshape(out, out.Transpose(x, perm=[0, 2, 3, 1]), (batch * prod(sizes), channels))
    regions = shape_of(rois)[0]
    starts = None
    if batch > 1:
        starts = out.Mul(out.Cast(images, to=6), np.array(prod(sizes), np.int32))
        starts = reshape(out, starts, (regions, 1, 1))
    places = (regions, *counts)
    terms = [term(out, table, chosen, sizes, places, starts) for chosen in product(*corners)]
    mean = given["mode"] == "avg"
    total = fold(lambda a, b: out.Add(a, b) if mean else out.Max(a, b), terms)
    pixels = out.Transpose(total, perm=[0, 3, 1, 2])
    window: dict[str, Any] = {"kernel_shape": [ratio, ratio], "strides": [ratio, ratio]}
    pooled: Value = out.node("AveragePool" if mean else "MaxPool", [pixels], **window)
    return pooled


def region_places(
    out: Builder, rois: Value, axis: int, size: int, count: int, n: Node
) -> list[Corner]:
    """Return the pixels around `count` places along an axis (0: y, 1: x), (R, count, 1) or so.

    Places more than one pixel outside of the image weigh nothing; others are moved to its rim.
    """
    given, regions = attrs(n), shape_of(rois)[0]
    half = given["coordinate_transformation_mode"] == "half_pixel"
    start, end = (scaled(out, rois, 1 - axis + 2 * k, given["spatial_scale"], half) for k in (0, 1))
    length = out.Sub(end, start)
    if not half:
        length = out.Max(length, number(rois, 1))
    steps = ((np.arange(count) + 0.5) / count).astype(dtype_of(rois))
    place = out.Add(start, out.Mul(length, steps))
    near = out.And(
        out.GreaterOrEqual(place, number(rois, -1)), out.LessOrEqual(place, number(rois, size))
    )
    inside = out.Clip(place, number(rois, 0), number(rois, size - 1))
    shape = (regions, count, 1) if axis == 0 else (regions, 1, count)
    made: list[Corner] = []
    for index, weight in neighbours(out, inside, size - 1, rois):
        weight = out.Where(near, weight, number(rois, 0))
        made.append((reshape(out, index, shape), reshape(out, weight, shape)))
    return made


def scaled(out: Builder, rois: Value, column: int, scale: float, half: bool) -> Value:
    """Return a column of the regions (R, 1) in pixels of the image."""
    edge = out.Slice(rois, [column], [column + 1], [1])
    edge = out.Mul(edge, number(rois, scale))
    return out.Sub(edge, number(rois, 0.5)) if half else edge
