"""What no order can go below."""

from __future__ import annotations

import numpy as np

from mmc.schedule.pieces import Piece, members


def lower_bound(piece: Piece) -> int:
    """Return a peak that every order of the piece reaches.

    While operator v runs, a block of memory is in use if v or an ancestor of v makes it and v or a
    descendant of v touches it (or it is kept), in every order. The bound is the largest sum over v.
    The time grows with the square of the piece.
    """
    ancestors, descendants = _closures(piece)
    live = np.full(len(piece.ops), piece.entry, np.int64)
    for block, size in enumerate(piece.sizes):
        maker, touching = piece.makers[block], piece.touching[block]
        if maker is not None:
            live[_flags(descendants[maker], len(live))] += size
        if not piece.kept[block]:
            over = (1 << len(piece.ops)) - 1
            for op in members(touching):
                over &= ~ancestors[op]
            if maker is not None:
                over &= descendants[maker]
            live[_flags(over, len(live))] -= size
    return int(live.max(initial=piece.entry))


def weak_bound(piece: Piece, inputs: int) -> int:
    """Return a peak that every order of the graph reaches, wherever the piece was cut out.

    While an operator runs, what it touches is in use, and the graph's `inputs` (bytes) are.
    """
    touched = (sum(piece.sizes[b] for b in blocks if not piece.kept[b]) for blocks in piece.touched)
    return max(inputs + max(touched, default=0), inputs)


def _closures(piece: Piece) -> tuple[list[int], list[int]]:
    """Return for each operator its ancestors and its descendants, both with itself."""
    count = len(piece.ops)
    ancestors, descendants = [1 << i for i in range(count)], [1 << i for i in range(count)]
    for op, needed in enumerate(piece.needs):
        for earlier in members(needed):
            ancestors[op] |= ancestors[earlier]
    for op in range(count - 1, -1, -1):
        for later in piece.users[op]:
            descendants[op] |= descendants[later]
    return ancestors, descendants


def _flags(ops: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return the set as booleans."""
    raw = np.frombuffer(ops.to_bytes(-(-count // 8), "little"), np.uint8)
    return np.unpackbits(raw, count=count, bitorder="little").view(np.bool_)
