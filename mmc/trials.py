"""What `auto` tried: plain data for results and reports."""

from __future__ import annotations

from dataclasses import dataclass


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
    """All candidates, the label of the one that was taken, and how many a search before had."""

    chosen: str
    trials: list[Trial]
    resumed: int = 0
