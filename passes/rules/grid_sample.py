"""Sampling at computed places, by gathers of the pixels around them."""

from __future__ import annotations

from functools import reduce as fold
from itertools import product
from math import prod

import numpy as np

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.pattern import Builder, op, rewrite

from .parts import need_float, number, polynomial, reshape

Corner = tuple[Value, Value | None]
"""The index of a pixel along one axis (float), and its weight; None is one."""
SHARPNESS = -0.75
"""Of the cubic kernel; ONNX gives GridSample no other."""


@rewrite(op.GridSample("x", "grid").named("n"), stage="decompose")
def grid_sample(out: Builder, x: Value, grid: Value, n: Node) -> Value:
    """grid_sample(x (N, C, …), grid (N, …, d))  ->  Σ weight * gather(pixels of x, place).

    Padding with zeros is a frame of one zero pixel, in which places further away end too.
    """
    need_float(x, grid)
    shape, counted = shape_of(x), shape_of(grid)
    frame = int(attrs(n)["padding_mode"] == "zeros")
    sizes = [size + 2 * frame for size in shape[2:]]
    last = len(shape) - 1
    pixels = out.Transpose(x, perm=[0, *range(2, last + 1), 1])
    if frame:
        pads = [0, *[1] * len(sizes), 0] * 2
        pixels = out.Pad(pixels, np.array(pads, np.int64))
    table = reshape(out, pixels, (shape[0] * prod(sizes), shape[1]))
    corners = [
        around(out, coordinate(out, grid, last - 2 - axis), size, frame, n)
        for axis, size in enumerate(shape[2:])
    ]
    starts = image_starts(counted[0], len(counted) - 2, sizes)
    terms = [term(out, table, c, sizes, counted[:-1], starts) for c in product(*corners)]
    total = fold(lambda left, right: out.Add(left, right), terms)
    return out.Transpose(total, perm=[0, last, *range(1, last)])


def coordinate(out: Builder, grid: Value, index: int) -> Value:
    """Return one coordinate of every place, (N, …)."""
    made: Value = out.Gather(grid, np.array(index, np.int64), axis=-1)
    return made


def around(out: Builder, g: Value, size: int, frame: int, n: Node) -> list[Corner]:
    """Return the pixels around the places g in [-1, 1] along an axis of `size` pixels."""
    given, like = attrs(n), n.inputs[1]
    assert like is not None
    scale, shift = ((size - 1) / 2, (size - 1) / 2)
    if not given["align_corners"]:
        scale = size / 2
    place = out.Add(out.Mul(g, number(like, scale)), number(like, shift))
    if given["mode"] == "cubic":
        every = cubic_neighbours(out, place, like)
        return [(inside(out, index, size, frame, n), weight) for index, weight in every]
    nearest = given["mode"] == "nearest"
    place = inside(out, out.Round(place) if nearest else place, size, frame, n)
    if nearest:
        return [(place, None)]
    return neighbours(out, place, size - 1 + 2 * frame, like)


def inside(out: Builder, place: Value, size: int, frame: int, n: Node) -> Value:
    """Return where places lie in the framed image, those outside brought in as the padding asks."""
    given, like = attrs(n), n.inputs[1]
    assert like is not None
    if given["padding_mode"] == "reflection":
        place = reflected(out, place, size, bool(given["align_corners"]), like)
    if frame:
        place = out.Add(place, number(like, 1))
    made: Value = out.Clip(place, number(like, 0), number(like, size - 1 + 2 * frame))
    return made


def cubic_neighbours(out: Builder, place: Value, like: Value) -> list[tuple[Value, Value]]:
    """Return the four pixels around places, any of which may be outside, with their weights.

    Source: Keys, "Cubic convolution interpolation for digital image processing", 1981; t is the
    part of a place behind its pixel, a the sharpness, and the weight d pixels away is (a + 2) d^3
    - (a + 3) d^2 + 1 up to d = 1, a d^3 - 5 a d^2 + 8 a d - 4 a up to 2.
    """
    a, low = SHARPNESS, out.Floor(place)
    t = out.Sub(place, low)
    weights = (
        (0, a, -2 * a, a),
        (1, 0, -(a + 3), a + 2),
        (0, -a, 2 * a + 3, -(a + 2)),
        (0, 0, a, -a),
    )
    pixels = [low if k == 0 else out.Add(low, number(like, k)) for k in (-1, 0, 1, 2)]
    made = [polynomial(out, t, like, row) for row in weights]
    return list(zip(pixels, made, strict=True))


def neighbours(out: Builder, place: Value, last: int, like: Value) -> list[Corner]:
    """Return the two pixels around places in [0, last], with weights of the type of `like`."""
    low = out.Floor(place)
    part = out.Sub(place, low)
    high = out.Min(out.Add(low, number(like, 1)), number(like, last))
    return [(low, out.Sub(number(like, 1), part)), (high, part)]


def reflected(out: Builder, place: Value, size: int, corners: bool, like: Value) -> Value:
    """Return places mirrored at the image's ends until they lie inside."""
    low, span = (0.0, size - 1.0) if corners else (-0.5, float(size))
    if span == 0:
        return place
    apart = out.Sub(place, number(like, low))
    turns = out.Floor(out.Mul(apart, number(like, 1 / (2 * span))))
    rest = out.Sub(apart, out.Mul(turns, number(like, 2 * span)))
    away = out.Abs(out.Sub(rest, number(like, span)))
    made: Value = out.Sub(number(like, low + span), away)
    return made


def image_starts(images: int, axes: int, sizes: list[int]) -> Array | None:
    """Return where each image's pixels start, to be added to (images, …) of `axes` more axes."""
    if images == 1:
        return None
    starts = np.arange(images, dtype=np.int32) * prod(sizes)
    return starts.reshape(-1, *[1] * axes).astype(np.int32)


def term(
    out: Builder,
    table: Value,
    chosen: tuple[Corner, ...],
    sizes: list[int],
    places: tuple[int, ...],
    starts: Value | Array | None,
) -> Value:
    """Return the pixels (*places, C) of one corner, times its weight.

    Args:
        table: (pixels, C), the images one after the other.
        chosen: for every axis the pixels' index and weight, which broadcast to `places`.
        sizes: of an image.
        starts: int32, where the image of each place starts in the table.
    """
    flat: Value | None = None
    for axis, (index, _) in enumerate(chosen):
        whole, stride = out.Cast(index, to=6), prod(sizes[axis + 1 :])
        step = out.Mul(whole, np.array(stride, np.int32)) if stride != 1 else whole
        flat = step if flat is None else out.Add(flat, step)
    if starts is not None:
        flat = out.Add(flat, starts)
    read: Value = out.Gather(table, flat, axis=0)
    weights = [weight for _, weight in chosen if weight is not None]
    if not weights:
        return read
    weight = fold(lambda left, right: out.Mul(left, right), weights)
    made: Value = out.Mul(read, reshape(out, weight, (*places, 1)))
    return made
