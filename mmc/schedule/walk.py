"""Walk through the orders of a piece, from its start or backwards from its end."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmc.schedule.pieces import Piece, members, union


@dataclass(frozen=True, slots=True)
class State:
    """The operators that have run, the bytes then in use, and who can run next.

    How it was reached does not matter: the memory in use depends on the set alone.
    """

    done: int
    bytes: int
    ready: int
    path: tuple[int, State] | None = field(default=None, compare=False)


@dataclass
class Walk:
    """Runs operators one by one; `runs` counts them, which is what a search costs."""

    piece: Piece
    backwards: bool = False
    runs: int = 0

    def __post_init__(self) -> None:
        """Set who waits for whom; backwards, an operator waits for its users."""
        count = len(self.piece.ops)
        self.after = self.piece.users
        self.waits = self.piece.needs
        if self.backwards:
            self.after = [list(members(needed)) for needed in self.piece.needs]
            self.waits = [union(users) for users in self.piece.users]
        self.all = (1 << count) - 1

    def start(self) -> State:
        """Return the state before the first operator."""
        ready = union(op for op, waits in enumerate(self.waits) if not waits)
        return State(0, self.piece.exit if self.backwards else self.piece.entry, ready)

    def order(self, state: State) -> list[int]:
        """Return the operators that have run, in the order of execution."""
        found = []
        while state.path:
            op, state = state.path
            found.append(op)
        return found if self.backwards else found[::-1]

    def run(self, state: State, op: int) -> tuple[int, State, int]:
        """Return the bytes in use while `op` runs, the state after it, and who became ready."""
        self.runs += 1
        done, fresh = state.done | 1 << op, 0
        for later in self.after[op]:
            if not self.waits[later] & ~done:
                fresh |= 1 << later
        allocates = self.piece.allocates[op]
        if self.backwards:
            now = state.bytes - allocates + self.piece.freed(op, self.all & ~state.done)
            during = now + allocates
        else:
            during = state.bytes + allocates
            now = during - self.piece.freed(op, done)
        return during, State(done, now, state.ready ^ 1 << op | fresh, (op, state)), fresh

    def cascade(self, state: State, op: int, level: int) -> tuple[int, State]:
        """Run `op` and then, of those that it made ready, what raises the memory no more.

        Such a follower may always run at once if it stays within the peak: running it first never
        costs more later, as what it adds to the memory only shrinks while others run (the memory in
        use is a submodular function of the set that has run). The same holds backwards.
        """
        hill, now, waiting = self.run(state, op)
        level = max(level, hill)
        progress = True
        while progress:
            progress = False
            for follower in members(waiting):
                during, following, fresh = self.run(now, follower)
                if during <= level and following.bytes <= now.bytes:
                    now, waiting = following, waiting ^ 1 << follower | fresh
                    progress = True
        return hill, now

    def settle(self, state: State, level: int) -> tuple[State, list[tuple[int, State]]]:
        """Run what ends with no more memory, within `level`; return the others as moves.

        Safe for the same reason: what follows in a cascade depends on its first operator, so
        nothing of it can run before, and its end is the lowest of its states.
        """
        while True:
            found = []
            for op in members(state.ready):
                hill, following = self.cascade(state, op, level)
                if hill <= level and following.bytes <= state.bytes:
                    state = following
                    break
                found.append((hill, following))
            else:
                return state, found
