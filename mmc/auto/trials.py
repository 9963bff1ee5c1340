"""What `auto` tried: plain data for results and reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf


@dataclass(frozen=True)
class Trial:
    """A candidate: an artifact that was made and measured, and the worse end of its drop."""

    label: str
    activations: str
    bytes: int
    drop_percent: float
    drop_high_percent: float


@dataclass(frozen=True)
class Search:
    """All candidates, the label of the one that was taken ("": none), how many a search before had.

    `front` are the labels that no other one beats in bytes and drop, smallest first (Pareto).
    """

    chosen: str
    trials: list[Trial]
    resumed: int = 0
    front: list[str] = field(default_factory=list)


def search_of(chosen: str, trials: Iterable[Trial], resumed: int = 0) -> Search:
    """Return a search with its front; a drop that is not finite is on none."""
    found, front, least = list(trials), list[str](), inf
    for trial in sorted(found, key=lambda t: (t.bytes, t.drop_percent)):
        if trial.drop_percent < least:
            front.append(trial.label)
            least = trial.drop_percent
    return Search(chosen, found, resumed, front)
