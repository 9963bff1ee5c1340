"""Named pipelines: phases of passes, repeated to a fixpoint.

`clean` brings a model to one spelling of everything, `fuse` recognises operators and merges
neighbours; both close with folding and dead code. `default` is what `mmc opt` runs.
"""

from __future__ import annotations

from mmc.pass_manager import Pass, Phase
from mmc.passes.canonicalize import Canonicalize
from mmc.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.fold_constants import FoldConstants
from mmc.passes.fuse import Fuse
from mmc.passes.fuse_attention import FuseAttention
from mmc.passes.fuse_qkv import FuseQkv
from mmc.passes.fuse_rotations import FuseRotations
from mmc.passes.merge_slices import MergeSlices
from mmc.passes.merge_splits import MergeSplits
from mmc.passes.normalize_attributes import NormalizeAttributes
from mmc.passes.recognize import Recognize
from mmc.passes.share_weights import ShareWeights

ROUNDS = 8
"""A phase ends when a round changes nothing; this only stops passes that undo each other."""

CLEAN: tuple[Pass, ...] = (
    FoldConstants(),
    EliminateDeadCode(),
    NormalizeAttributes(),
    Canonicalize(),
    EliminateCommonSubexpressions(),
)
"""What closes every phase: one spelling of everything, nothing computed twice or in vain."""


def clean() -> Phase:
    """Return the clean-up phase."""
    return Phase("clean", CLEAN, ROUNDS)


def fuse() -> Phase:
    """Return the fusion phase: rules that see each other's results, on a clean model."""
    return Phase("fuse", (Recognize(), FuseRotations(), Fuse(), *CLEAN), ROUNDS)


def attend() -> Phase:
    """Return the phase that makes attention one operator, fed by one wide projection."""
    merge = (MergeSlices(), MergeSplits())
    made = (FuseRotations(), FuseAttention(), FuseQkv(), *merge, Fuse())
    return Phase("attend", (*made, *CLEAN), ROUNDS)


def share() -> Phase:
    """Return the phase that stores equal constants once."""
    return Phase("share", (ShareWeights(), EliminateDeadCode()))


PIPELINES = {"default": (clean, fuse, attend, share), "clean": (clean,)}


def pipeline(name: str) -> list[Phase]:
    """Return the phases of a named pipeline; raises KeyError for an unknown one."""
    return [phase() for phase in PIPELINES[name]]
