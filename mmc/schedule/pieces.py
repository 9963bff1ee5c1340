"""Cut a graph where every order must pass, into pieces that are ordered independently."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mmc.schedule.graph import Graph
from mmc.schedule.storage import Storage


@dataclass(slots=True)
class Piece:
    """Some operators, numbered from 0 in the given order, and the memory that they touch.

    Sets of operators are integers, bit i for operator i. `entry` is in use before the piece and
    what it does not touch stays so. Block b of memory is touched by `touching[b]` and freed after
    the last of them unless it is kept; the others hold the list of blocks an operator touches.
    """

    ops: range
    entry: int = 0
    needs: list[int] = field(default_factory=list)
    users: list[list[int]] = field(default_factory=list)
    allocates: list[int] = field(default_factory=list)
    touched: list[list[int]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    makers: list[int | None] = field(default_factory=list)
    touching: list[int] = field(default_factory=list)
    kept: list[bool] = field(default_factory=list)

    @property
    def exit(self) -> int:
        """Return the bytes in use after the piece."""
        blocks = zip(self.sizes, self.kept, strict=True)
        return self.entry + sum(self.allocates) - sum(size for size, kept in blocks if not kept)

    def freed(self, op: int, done: int) -> int:
        """Return the bytes that are free after `op`, which completes the set `done`."""
        size = 0
        for block in self.touched[op]:
            if not self.kept[block] and not self.touching[block] & ~done:
                size += self.sizes[block]
        return size

    def peak(self, order: Sequence[int]) -> int:
        """Return the most bytes in use in this order."""
        done, now, most = 0, self.entry, self.entry
        for op in order:
            done |= 1 << op
            most = max(most, now + self.allocates[op])
            now += self.allocates[op] - self.freed(op, done)
        return most


def cut(graph: Graph) -> list[range]:
    """Return ranges of operators between those that come after all before and before all after.

    Such an operator separates the graph: whatever the order on its two sides, the same operators
    have run when it has, so the same memory is in use. Linear in the edges.
    """
    count = len(graph.ops)
    before = [graph.predecessors(i) for i in range(count)]
    nearest_user = [count] * count
    for op in range(count - 1, -1, -1):
        for earlier in before[op]:
            nearest_user[earlier] = op
    # All before op lead to it if each has a user no later than op; the same backwards.
    reaches_back = [max(found, default=-1) for found in before]
    lowest_after, low = [count] * count, count
    for op in range(count - 1, -1, -1):
        lowest_after[op] = low
        low = min(low, reaches_back[op])
    ends, farthest = [], -1
    for op in range(count):
        if farthest <= op <= lowest_after[op]:
            ends.append(op + 1)
        farthest = max(farthest, nearest_user[op])
    starts = [0, *ends]
    ends = [*ends, count]
    return [range(a, b) for a, b in zip(starts, ends, strict=True) if a < b]


def windows(graph: Graph, most: int, window: int) -> list[range]:
    """Return the ranges of `cut`, those of more than `most` operators cut into windows."""
    found = []
    for ops in cut(graph):
        step = len(ops) if len(ops) <= most else window
        found += [range(s, min(s + step, ops.stop)) for s in range(ops.start, ops.stop, step)]
    return found


def pieces(graph: Graph, storage: Storage, ranges: Iterable[range]) -> Iterator[Piece]:
    """Yield the pieces of consecutive ranges."""
    maker, touching = _touches(graph, storage)
    kept = {storage.of(t) for t in (*graph.inputs, *graph.outputs)}
    entry = sum(graph.sizes[t] for t in set(graph.inputs))
    for ops in ranges:
        piece = Piece(ops, entry)
        start = ops.start
        piece.needs = [union(p - start for p in graph.predecessors(op) if p >= start) for op in ops]
        piece.users = [[] for _ in ops]
        for op, needed in enumerate(piece.needs):
            for earlier in members(needed):
                piece.users[earlier].append(op)
        piece.allocates = [0] * len(ops)
        piece.touched = [[] for _ in ops]
        inside = {owner for op in ops for owner in _owners(graph, storage, op)}
        for owner in sorted(inside & touching.keys()):
            _add_block(piece, graph.sizes[owner], maker.get(owner), touching[owner], owner in kept)
        yield piece
        entry = piece.exit


def union(ops: Iterable[int]) -> int:
    """Return the set of the given operators."""
    found = 0
    for op in ops:
        found |= 1 << op
    return found


def members(ops: int) -> Iterator[int]:
    """Yield the operators of a set, lowest first."""
    while ops:
        lowest = ops & -ops
        yield lowest.bit_length() - 1
        ops ^= lowest


def _owners(graph: Graph, storage: Storage, position: int) -> set[int]:
    op = graph.ops[position]
    return {storage.of(t) for t in (*op.inputs, *op.outputs)}


def _touches(graph: Graph, storage: Storage) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Return who allocates each block of memory, and who touches it, both by position."""
    maker: dict[int, int] = {}
    touching: dict[int, list[int]] = {t: [] for t in graph.inputs}
    for position, op in enumerate(graph.ops):
        for tensor in op.outputs:
            if storage.of(tensor) == tensor:
                maker[tensor] = position
                touching[tensor] = []
        for owner in _owners(graph, storage, position) & touching.keys():
            touching[owner].append(position)
    return maker, touching


def _add_block(piece: Piece, size: int, maker: int | None, touching: list[int], kept: bool) -> None:
    start, stop = piece.ops.start, piece.ops.stop
    made = None if maker is None or maker < start else maker - start
    if made is not None:
        piece.allocates[made] += size
    inside = touching[bisect_left(touching, start) : bisect_left(touching, stop)]
    for op in inside:
        piece.touched[op - start].append(len(piece.sizes))
    piece.sizes.append(size)
    piece.makers.append(made)
    piece.touching.append(union(op - start for op in inside))
    piece.kept.append(kept or touching[-1] >= stop)
