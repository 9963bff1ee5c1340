"""Search the orders of a piece: best first over the sets of operators that have run."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count

from mmc.schedule.walk import State, Walk


class Search:
    """Finds the order with the lowest peak from a state, if it is lower than `below`.

    States are taken by the lowest peak on the way (a shortest path where the length is the
    maximum), among equals the deepest, then the one that leaves most of its peak behind, as in
    Liu's order of hills and valleys. The first that has run all is optimal.

    `state` and `peak` are the result so far: the end or, until that is found, the state of the
    lowest peak, then of the least memory. No order has a peak below `bound`.

    Sources: the dynamic programming over zero-indegree sets of Ahn et al., "Ordering Chaos",
        MLSys 2020, made best-first, so that no budget of memory has to be guessed; Liu, "An
        Application of Generalized Tree Pebbling to Sparse Matrix Factorization", 1987.
    """

    def __init__(self, walk: Walk, start: State, level: int, below: int) -> None:
        """Start at a state; `level` is a peak that is spent anyway."""
        self.walk, self.start, self.below = walk, start, below
        self.heap = [(level, 0, 0, 0, start)]
        self.lowest = {start.done: level}
        self.serial = count(1)
        self.state, self.peak, self.bound = start, below, level
        self.finished = False

    def advance(self, runs: int, *, valley: bool = False) -> None:
        """Go on until the search has finished or the walk has run `runs` more operators.

        With `valley`, be content with a state that uses no more memory than the start.
        """
        limit = self.walk.runs + runs
        while self.heap and not self.finished:
            if self.walk.runs >= limit and self.state is not self.start:
                return
            level, left, _, _, state = heappop(self.heap)
            if level > self.lowest[state.done]:
                continue
            state, moves = self.walk.settle(state, level)
            self.bound = level
            self.finished = state.done == self.walk.all
            if self.finished or (valley and state.done != self.start.done and self._low(state)):
                self.state, self.peak = state, level
                return
            if state.done != self.start.done and (level, state.bytes) < self._best():
                self.state, self.peak = state, level
            for hill, following in moves:
                self._push(max(level, hill), left - 1, following.bytes - hill, following)
        if not self.heap and not self.finished:
            self.bound, self.finished = self.below, True

    def _low(self, state: State) -> bool:
        return state.bytes <= self.start.bytes

    def _best(self) -> tuple[int, int]:
        return self.peak, self.state.bytes

    def _push(self, peak: int, left: int, fall: int, state: State) -> None:
        if peak < self.lowest.get(state.done, self.below):
            self.lowest[state.done] = peak
            heappush(self.heap, (peak, left, fall, next(self.serial), state))
