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
    """All candidates, and the label of the one that was taken."""

    chosen: str
    trials: list[Trial]
