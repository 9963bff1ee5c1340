"""Windows over the spatial axes: what convolutions and pools share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..mil import Array
from ..operator import UnsupportedError


def pads(
    pad_type: str,
    pad: Any,
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
) -> list[tuple[int, int]]:
    """Return (before, after) a spatial axis; `kernel` is the extent with gaps.

    same: the output has ceil(size / stride) elements, an odd rest goes after; same_lower: before.
    """
    if pad_type == "valid":
        return [(0, 0)] * len(size)
    if pad_type == "custom":
        flat = [int(p) for p in np.asarray(pad).reshape(-1)]
        return [(flat[2 * i], flat[2 * i + 1]) for i in range(len(size))]
    if pad_type not in ("same", "same_lower"):
        raise UnsupportedError(f"pad type {pad_type!r}")
    found = []
    for n, k, s in zip(size, kernel, strides, strict=True):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        less, more = total // 2, total - total // 2
        found.append((less, more) if pad_type == "same" else (more, less))
    return found


def ints(value: Any, rank: int, default: int = 1) -> tuple[int, ...]:
    """Return one integer an axis."""
    if value is None:
        return (default,) * rank
    found = tuple(int(v) for v in np.asarray(value).reshape(-1))
    return found if len(found) == rank else found * rank


def spread(x: Array, around: Sequence[tuple[int, int]], value: float = 0) -> Array:
    """Return x with its spatial axes padded."""
    if not any(before or after for before, after in around):
        return x
    return np.pad(x, [(0, 0), (0, 0), *around], constant_values=value)


def windows(
    x: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Array:
    """Return a view (N, C, *out, *kernel) of (N, C, *spatial)."""
    rank = len(kernel)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    axes = tuple(range(2, 2 + rank))
    view = np.lib.stride_tricks.sliding_window_view(x, spans, axes)
    step = [slice(None)] * 2
    step += [slice(None, None, s) for s in strides]
    step += [slice(None, None, d) for d in dilations]
    return view[tuple(step)]
