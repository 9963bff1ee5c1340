"""Where each tensor lies in one block of memory."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmc.schedule.liveness import Lifetime

ALIGNMENT = 64
BLOCK = 64  # steps; memory is looked up by blocks of them
FEW = 256  # up to so many neighbours, a loop over them is faster than arrays of all
Row = tuple[int, int, int, int]


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
    offsets = {f.tensor: 0 for f in found if not f.size}
    always = [f for f in found if f.size and f.first == 0 and f.last == end]
    size = floor = 0
    for lifetime in sorted(always, key=lambda f: f.tensor):
        offsets[lifetime.tensor] = floor
        size = floor + lifetime.size
        floor = _aligned(size, alignment)
    others = [f for f in found if f.tensor not in offsets]
    placed = _Placed(alignment, floor)
    for lifetime in sorted(others, key=lambda f: (-f.size, f.first)):
        offsets[lifetime.tensor] = placed.put(lifetime)
        size = max(size, offsets[lifetime.tensor] + lifetime.size)
    return Arena(offsets, size)


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


class _Placed:
    """What has a place, from the bottom up, by the steps that it lives in.

    A row is its first and last step, its start and its end, aligned.
    """

    def __init__(self, alignment: int, floor: int) -> None:
        self.alignment, self.floor = alignment, floor
        self.columns = np.zeros((4, 0), np.int64)
        self.added: list[Row] = []
        self.blocks: dict[int, list[Row]] = defaultdict(list)

    def put(self, lifetime: Lifetime) -> int:
        """Return the offset of a lifetime, which is kept."""
        spans = range(lifetime.first // BLOCK, lifetime.last // BLOCK + 1)
        near = [self.blocks[span] for span in spans]
        few = sum(map(len, near)) <= FEW
        start = self.among(lifetime, near) if few else self.among_all(lifetime)
        stop = _aligned(start + lifetime.size, self.alignment)
        row = lifetime.first, lifetime.last, start, stop
        for block in near:
            block.append(row)
        self.added.append(row)
        return start

    def among(self, lifetime: Lifetime, near: Sequence[Sequence[Row]]) -> int:
        """Return the start of the smallest gap that is large enough, or the top."""
        taken = {
            (start, stop)
            for block in near
            for first, last, start, stop in block
            if first <= lifetime.last and last >= lifetime.first
        }
        best, least, top = None, sys.maxsize, self.floor
        for start, stop in sorted(taken):
            if top + lifetime.size <= start and start - top < least:
                best, least = top, start - top
            top = max(top, stop)
        return top if best is None else best

    def among_all(self, lifetime: Lifetime) -> int:
        """Do the same for all that is placed, at once: where many things live long."""
        columns = np.concatenate(
            [self.columns, np.array(self.added, np.int64).reshape(-1, 4).T], axis=1
        )
        self.columns = columns = columns[:, np.argsort(columns[2], kind="stable")]
        self.added = []
        meets = (columns[0] <= lifetime.last) & (columns[1] >= lifetime.first)
        starts, stops = columns[2:, meets]
        tops = np.maximum.accumulate(np.concatenate([[self.floor], stops]))
        gaps = starts - tops[:-1]
        fits = np.flatnonzero(gaps >= lifetime.size)
        return int(tops[fits[np.argmin(gaps[fits])]] if fits.size else tops[-1])
