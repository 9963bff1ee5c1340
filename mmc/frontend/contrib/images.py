"""Distances, transposed convolutions and crops of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmc.frontend.contrib.layers import CONV, picked, scalar
from mmc.frontend.contrib.registry import Call, NotExpandable, expands

if TYPE_CHECKING:
    from onnx_ir import Value


@expands("CDist")
def cdist(out: Any, call: Call) -> Any:
    """y[i, j] = |a[i] - b[j]|, or its square.

    The differences are taken before they are squared: |a|² + |b|² - 2ab cancels for near points.
    """
    metric = call.get("metric", "sqeuclidean")
    if metric not in ("euclidean", "sqeuclidean"):
        raise NotExpandable(f"metric {metric!r}: ONNX Runtime has euclidean and sqeuclidean only")
    difference = out.Sub(out.Unsqueeze(call.need(0), [1]), out.Unsqueeze(call.need(1), [0]))
    square = out.ReduceSum(out.Mul(difference, difference), np.array([-1]), keepdims=0)
    return out.Sqrt(square) if metric == "euclidean" else square


@expands("ConvTransposeWithDynamicPads")
def conv_transpose_with_dynamic_pads(out: Any, call: Call) -> Any:
    """ConvTranspose, whose pads are an input: a constant one."""
    pads = None if call.input(2) is None else [int(p) for p in call.constant(2).reshape(-1)]
    inputs = [call.need(0), call.need(1), call.input(3)]
    options = picked(call, (*CONV, "output_padding"))
    return out.node("ConvTranspose", inputs, **{**options, "pads": pads})


@expands("CropAndResize")
def crop_and_resize(out: Any, call: Call) -> Any:
    """y[r] = the box r = (y1, x1, y2, x2) of image batch[r], sampled at a grid of crop_size.

    Boxes are relative to the first and the last pixel; places outside of the image have
    `extrapolation_value`. Shapes: x (N, C, H, W), boxes (R, 4), y (R, C, h, w).
    """
    x, mode = call.need(0), call.get("mode", "bilinear")
    crop = [int(size) for size in call.constant(3).reshape(-1)]
    sides = [sampled(out, call, axis, crop[axis]) for axis in (0, 1)]
    grids = []
    for axis, (place, last) in enumerate(sides):
        if mode != "bilinear":  # halves are rounded up, where GridSample rounds to even
            place = out.Floor(out.Add(place, scalar(x, 0.5)))
        relative = out.Div(out.Mul(place, scalar(x, 2)), out.Max(last, scalar(x, 1)))
        grids.append(out.Unsqueeze(out.Sub(relative, scalar(x, 1)), [2 - axis, 3]))
    shape = out.Concat(out.Shape(call.need(1), start=0, end=1), np.array([*crop, 1]), axis=0)
    grid = out.Concat(*(out.Expand(g, shape) for g in reversed(grids)), axis=3)
    images = out.Gather(x, call.need(2), axis=0)
    options = {"align_corners": 1, "padding_mode": "border"}
    options["mode"] = "linear" if mode == "bilinear" else "nearest"
    y = out.node("GridSample", [images, grid], **options)
    inside = out.And(*(out.Unsqueeze(within(out, *s, x), [1, 3 - a]) for a, s in enumerate(sides)))
    return out.Where(inside, y, scalar(x, call.get("extrapolation_value", 0.0)))


def sampled(out: Any, call: Call, axis: int, count: int) -> tuple[Any, Any]:
    """Return the places (R, count) along an axis of the image, in pixels, and its last pixel."""
    x, boxes = call.need(0), call.need(1)
    last = out.Cast(out.Sub(out.Shape(x, start=2 + axis, end=3 + axis), np.array([1])), to=1)
    first, end = (out.Slice(boxes, [k], [k + 1], [1]) for k in (axis, axis + 2))
    start, stop = (out.Mul(edge, last) for edge in (first, end))
    if count == 1:
        return out.Mul(out.Mul(out.Add(first, end), scalar(x, 0.5)), last), last
    step = out.Div(out.Mul(out.Sub(end, first), last), scalar(x, count - 1))
    steps = np.arange(count - 1).astype(np.float32)
    places = out.Add(start, out.Mul(step, steps))
    return out.Concat(places, stop, axis=1), last  # the last one exactly: it may lie on the rim


def within(out: Any, place: Any, last: Any, like: Value) -> Any:
    """Return whether places lie in the image."""
    return out.And(out.GreaterOrEqual(place, scalar(like, 0)), out.LessOrEqual(place, last))
