"""Where each tensor lies in one block of memory."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from mmc.schedule.liveness import Lifetime

ALIGNMENT = 64
BLOCK = 64  # steps; memory is looked up by blocks of them


@dataclass(frozen=True)
class Arena:
    """The offset of each tensor that owns memory, and the size of the whole block."""

    offsets: dict[int, int]
    bytes: int


def lay_out(found: Sequence[Lifetime], alignment: int = ALIGNMENT) -> Arena:
    """Place the largest first, each in the smallest gap that its neighbours in time leave.

    What lives all the time comes first, by number, at the bottom. The greedy order by size and the
    best fit are those of TFLite's ArenaPlanner, so that its arena is predicted too.

    Args:
        found: the lifetimes; `alignment` is that of every offset, in bytes.
    Source: Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference",
        MLSys workshop 2020, section 5.2 (greedy by size for offset calculation).
    """
    end = max((f.last for f in found), default=0)
    offsets: dict[int, int] = {}
    blocks: dict[int, list[Lifetime]] = defaultdict(list)
    size = 0
    for lifetime in sorted(found, key=lambda f: _rank(f, end)):
        spans = range(lifetime.first // BLOCK, lifetime.last // BLOCK + 1)
        beside = {
            (offsets[other.tensor], other.size)
            for span in spans
            for other in blocks[span]
            if other.size and other.first <= lifetime.last and other.last >= lifetime.first
        }
        offset = _best_fit(sorted(beside), lifetime.size, alignment)
        offsets[lifetime.tensor] = offset
        size = max(size, offset + lifetime.size)
        for span in spans:
            blocks[span].append(lifetime)
    return Arena(offsets, size)


def _rank(lifetime: Lifetime, end: int) -> tuple[int, int, int]:
    if lifetime.first == 0 and lifetime.last == end:
        return 0, 0, lifetime.tensor
    return 1, -lifetime.size, lifetime.first


def _best_fit(taken: Sequence[tuple[int, int]], size: int, alignment: int) -> int:
    """Return the start of the smallest gap for `size` bytes; `taken` are offsets and sizes."""
    best, least, top = None, sys.maxsize, 0
    for offset, length in taken:
        if top + size <= offset and offset - top < least:
            best, least = top, offset - top
        top = max(top, -(-(offset + length) // alignment) * alignment)
    return top if best is None else best
