"""How long a command will take: as long as it took the last time, stage by stage.

The seconds of every stage are kept beside the cache of compiles (`mmc.cache`), by the model's path,
the target and what makes a compile long, not by content: a model that was trained further takes as
long as before. Without the cache (MMC_NO_CACHE) nothing is kept, and nothing is foretold.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmc.options import CompileOptions

LONG = ("weights", "activations", "recipe", "calibration_samples", "verify", "verify_on", "vendor")
"""Options that make a compile long or short."""
MOST_BYTES = 1 << 20
Stages = Sequence[tuple[str, float]]


@dataclass
class Outlook:
    """The stages of a command as they begin, beside those of the last time: (name, seconds)."""

    expected: Stages = ()
    begun: list[tuple[str, float]] = field(default_factory=list)
    following: int = 0
    """Which of the expected stages may come next."""
    known: bool = False
    """Whether the stage that runs is one of the expected."""

    def begin(self, stage: str, now: float) -> None:
        """Hear that a stage begins; `now` in seconds, of any clock."""
        self.begun.append((stage, now))
        names = [name for name, _ in self.expected[self.following :]]
        self.known = stage in names
        if self.known:
            self.following += names.index(stage) + 1

    def left(self, now: float) -> float | None:
        """Return the seconds to the end; None where the last time tells nothing."""
        if not self.known:
            return None
        _, seconds = self.expected[self.following - 1]
        rest = max(0.0, seconds - (now - self.begun[-1][1]))
        return rest + sum(s for _, s in self.expected[self.following :])

    def stages(self, now: float) -> list[tuple[str, float]]:
        """Return what each stage took, of a command that has just ended."""
        ends = [start for _, start in self.begun[1:]] + [now]
        return [(name, end - start) for (name, start), end in zip(self.begun, ends, strict=True)]


def place_of(model: Path, target: str, options: CompileOptions) -> Path | None:
    """Return the file that holds the seconds of such a compile; None without the cache."""
    if os.environ.get("MMC_NO_CACHE"):
        return None
    from mmc import cache

    asked = [str(model.resolve()), target, *(str(getattr(options, name)) for name in LONG)]
    digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    return cache.home().parent / "seconds" / f"{digest}.json"


def last_time(place: Path | None) -> Stages:
    """Return the stages of the last time; none where it is not known, or the file is damaged."""
    if place is None:
        return ()
    try:
        found: Any = json.loads(place.read_text())
        return [(str(name), float(seconds)) for name, seconds in found]
    except (OSError, ValueError, TypeError):
        return ()


def keep(place: Path | None, stages: Stages) -> None:
    """Keep the stages for the next time; nothing happens where that is not possible."""
    if place is None or not stages:
        return
    from mmc import cache
    from mmc.diagnostics import MmcError
    from mmc.files import write_text

    with suppress(OSError, MmcError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_text(place, json.dumps(stages))
        cache.trim(place.parent.glob("*.json"), MOST_BYTES)
