"""Convolutions of any number of spatial axes, as matrix products over windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np

from ..mil import Array
from ..operator import operator
from .activations import along_channels
from .window import ints, pads, spread, windows


def at(places: Iterable[Any]) -> tuple[Any, ...]:
    """Return the index of places on the last axes."""
    return (..., *places)


@operator("conv")
def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    strides: Any = None,
    pad_type: str = "valid",
    pad: Any = None,
    dilations: Any = None,
    groups: Any = 1,
) -> Array:
    """Cross-correlation: x (N, C, *), weight (O, C / groups, *), bias (O)."""
    rank, group = x.ndim - 2, int(groups)
    step, gaps = ints(strides, rank), ints(dilations, rank)
    kernel = weight.shape[2:]
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, gaps, strict=True)]
    x = spread(x, pads(pad_type, pad, x.shape[2:], spans, step))
    if group == x.shape[1] and weight.shape[1] == 1 and group > 1:
        found = depthwise(x, weight, step, gaps)
    else:
        found = grouped(x, weight, step, gaps, group)
    return found if bias is None else found + along_channels(bias, found)


def grouped(
    x: Array, weight: Array, strides: tuple[int, ...], gaps: tuple[int, ...], groups: int
) -> Array:
    """Return each group's windows times its weights."""
    view = windows(x, weight.shape[2:], strides, gaps)
    rank, n = len(strides), x.shape[0]
    out = view.shape[2 : 2 + rank]
    view = view.reshape(n, groups, -1, *view.shape[2:]) if groups > 1 else view[:, None]
    order = (0, 1, 2, *range(3 + rank, 3 + 2 * rank), *range(3, 3 + rank))
    columns = view.transpose(order).reshape(n, groups, -1, int(np.prod(out)))
    matrix = weight.reshape(groups, weight.shape[0] // groups, -1)
    found: Array = np.matmul(matrix, columns)
    return found.reshape(n, weight.shape[0], *out)


def depthwise(x: Array, weight: Array, strides: tuple[int, ...], gaps: tuple[int, ...]) -> Array:
    """Return the sum over the kernel of shifted inputs: no windows are copied."""
    each = weight.shape[0] // x.shape[1]
    if each > 1:
        x = np.repeat(x, each, axis=1)
    kernel = weight.shape[2:]
    out = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, d, s in zip(x.shape[2:], kernel, gaps, strides, strict=True)
    ]
    taps = weight[:, 0]
    total = np.zeros((x.shape[0], weight.shape[0], *out), np.float32)
    for place in product(*map(range, kernel)):
        cut = [
            slice(p * d, p * d + (o - 1) * s + 1, s)
            for p, d, o, s in zip(place, gaps, out, strides, strict=True)
        ]
        total += x[at(cut)] * along_channels(taps[at(place)], x)
    return total


@operator("conv_transpose")
def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    pad: Any = None,
    output_shape: Any = None,
    pad_type: str = "valid",
    strides: Any = None,
    dilations: Any = None,
    groups: Any = 1,
) -> Array:
    """The transposed convolution: x (N, C, *), weight (C, O / groups, *).

    Every element adds its multiple of the kernel at stride times its place; the padding is cut
    off. same: the output has size times stride elements.
    """
    rank = x.ndim - 2
    step, gaps = ints(strides, rank), ints(dilations, rank)
    whole = added(x, weight, step, gaps, int(groups))
    full = whole.shape[2:]
    wanted = [i * s for i, s in zip(x.shape[2:], step, strict=True)]
    given = None if output_shape is None else [int(v) for v in output_shape][-rank:]
    around = cut_off(pad_type, pad, full, given or wanted)
    if given is None:
        given = [f - a - b for f, (a, b) in zip(full, around, strict=True)]
    missing = [(0, max(a + w - f, 0)) for f, (a, _), w in zip(full, around, given, strict=True)]
    keep = [slice(a, a + w) for (a, _), w in zip(around, given, strict=True)]
    found: Array = spread(whole, missing)[at(keep)]
    return found if bias is None else found + along_channels(bias, found)


def added(
    x: Array, weight: Array, strides: tuple[int, ...], gaps: tuple[int, ...], groups: int
) -> Array:
    """Return the sum of all kernels at their places, nothing cut off."""
    n, kernel = x.shape[0], weight.shape[2:]
    size = x.shape[2:]
    full = [
        (i - 1) * s + (k - 1) * d + 1
        for i, s, k, d in zip(size, strides, kernel, gaps, strict=True)
    ]
    total = np.zeros((n, weight.shape[1] * groups, *full), np.float32)
    parts = x.reshape(n, groups, x.shape[1] // groups, -1)
    split = weight.reshape(groups, x.shape[1] // groups, weight.shape[1], *kernel)
    for place in product(*map(range, kernel)):
        matrix = split[at(place)].transpose(0, 2, 1)
        there = [
            slice(p * d, p * d + (i - 1) * s + 1, s)
            for p, d, i, s in zip(place, gaps, size, strides, strict=True)
        ]
        total[at(there)] += np.matmul(matrix, parts).reshape(n, -1, *size)
    return total


def cut_off(
    pad_type: str, pad: Any, full: Sequence[int], wanted: Sequence[int]
) -> list[tuple[int, int]]:
    """Return what is cut before and after each axis of the full result."""
    if pad_type not in ("same", "same_lower"):
        return pads(pad_type, pad, full, full, full)
    found = []
    for f, w in zip(full, wanted, strict=True):
        total = max(f - w, 0)
        less, more = total // 2, total - total // 2
        found.append((less, more) if pad_type == "same" else (more, less))
    return found
