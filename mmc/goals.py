"""What `--optimize` chooses where a computation has several equivalent forms.

latency: fewest operators. size: no form that stores more than another, operators included.
accuracy: no form that can round worse than another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mmc.growth import OPERATOR
from mmc.passes.decompose import Decompose
from mmc.passes.fold_constants import FoldConstants
from mmc.passes.fuse import Fuse


@dataclass(frozen=True)
class Goal:
    """The passes that choose, with the options that make them choose so."""

    fold: FoldConstants = field(default_factory=FoldConstants)
    fuse: Fuse = field(default_factory=Fuse)
    decompose: dict[str, Any] = field(default_factory=dict)

    def decomposing(self, **options: Any) -> Decompose:
        """Return the pass that takes operators apart."""
        return Decompose(**self.decompose, **options)


GOALS = {
    "latency": Goal(),
    "size": Goal(FoldConstants(max_float_growth_bytes=1024), Fuse(max_growth_bytes=OPERATOR)),
    "accuracy": Goal(fuse=Fuse(precise=True), decompose={"precise": True}),
}
