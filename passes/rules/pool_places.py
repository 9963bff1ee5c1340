"""MaxPool that also says where its maxima are."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from mmc.ir import Array, Node, Value, attrs, shape_of
from mmc.pattern import Builder, NoMatch, op, rewrite
from mmc.window import Axis, axes_of, flat

from .parts import need_float, number
from .pools import wants_places

WINDOW_LIMIT = 64
"""The largest window: every position of it is two operators and more."""


@rewrite(op.MaxPool("x").named("n"), stage="decompose")
def expand_max_pool_places(out: Builder, x: Value, n: Node) -> tuple[Value, ...]:
    """max_pool(x)  ->  the maximum of shifted slices, and the place of the first that has it.

    The pads' places are never the answer: a later entry that is larger than -inf replaces them.
    """
    need_float(x)
    if not wants_places(n):
        raise NoMatch("nobody asks for the places")
    given = attrs(n)
    if given["auto_pad"] != "NOTSET" or given.get("ceil_mode"):
        raise NoMatch("its pads are not explicit yet")
    axes = axes_of(n, shape_of(x)[2:], tuple(given["kernel_shape"]))
    if prod(a.kernel for a in axes) > WINDOW_LIMIT:
        raise NoMatch(f"its window has more than {WINDOW_LIMIT} positions")
    pads = flat([(0, 0), (0, 0), *((a.before, a.needed_after) for a in axes)])
    if any(pads):
        x = out.Pad(x, np.array(pads, np.int64), number(x, -np.inf))
    largest: Value | None = None
    place: Value | Array | None = None
    for taps in product(*(range(a.kernel) for a in axes)):
        part, own = shifted(out, x, axes, taps), places_of(axes, taps, given["storage_order"])
        if largest is None:
            largest, place = part, own
            continue
        place = out.Where(out.Greater(part, largest), own, place)
        largest = out.Max(largest, part)
    assert largest is not None
    return largest, out.Add(place, plane_starts(n))


def shifted(out: Builder, x: Value, axes: list[Axis], taps: tuple[int, ...]) -> Value:
    """Return the entry at `taps` of every window."""
    starts = [a.dilation * tap for a, tap in zip(axes, taps, strict=True)]
    ends = [s + a.stride * (a.result - 1) + 1 for a, s in zip(axes, starts, strict=True)]
    steps = [a.stride for a in axes]
    made: Value = out.Slice(x, starts, ends, list(range(2, len(axes) + 2)), steps)
    return made


def places_of(axes: list[Axis], taps: tuple[int, ...], columns_first: int) -> Array:
    """Return the place of every window's entry at `taps` within its plane, (1, 1, results)."""
    sizes = [a.size for a in axes]
    total = np.zeros([a.result for a in axes], np.int64)
    for i, (a, tap) in enumerate(zip(axes, taps, strict=True)):
        along = a.stride * np.arange(a.result) + a.dilation * tap - a.before
        step = prod(sizes[:i]) if columns_first else prod(sizes[i + 1 :])
        total += step * along.reshape(-1, *[1] * (len(axes) - i - 1))
    return total[None, None]


def plane_starts(n: Node) -> Array:
    """Return where every plane of the input starts, (N, C, 1, …)."""
    batch, channels, *space = shape_of(n.inputs[0])
    starts = np.arange(batch * channels, dtype=np.int64) * prod(space)
    return starts.reshape(batch, channels, *[1] * len(space))
