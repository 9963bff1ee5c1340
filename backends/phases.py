"""The way that every backend's models go before its own forms begin."""

from __future__ import annotations

from dataclasses import replace

from mmc.goals import Goal
from mmc.pass_manager import Pass, Phase
from mmc.passes.canonicalize import Canonicalize
from mmc.passes.decompose import Decompose
from mmc.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.expand_functions import ExpandFunctions, functions_among
from mmc.passes.fuse_attention import FuseAttention
from mmc.passes.fuse_qkv import FuseQkv
from mmc.passes.fuse_rotations import FuseRotations
from mmc.passes.hold_grids import HoldGrids
from mmc.passes.keep_attention import KeepAttention
from mmc.passes.keep_half_range import KeepHalfRange
from mmc.passes.merge_branches import MergeBranches
from mmc.passes.merge_heads import MergeHeads
from mmc.passes.merge_rotations import MergeRotations
from mmc.passes.merge_slices import MergeSlices
from mmc.passes.merge_splits import MergeSplits
from mmc.passes.normalize_attributes import NormalizeAttributes
from mmc.passes.note_places import NotePlaces
from mmc.passes.recognize import Recognize
from mmc.passes.require_static_shapes import RequireStaticShapes
from mmc.passes.resolve_sequences import ResolveSequences
from mmc.passes.scale_queries import ScaleQueries
from mmc.passes.split_heads import SplitHeads
from mmc.passes.unroll_loops import UnrollLoops


def clean(goal: Goal) -> tuple[Pass, ...]:
    """Return the passes that tidy up behind others."""
    return (
        goal.fold,
        EliminateDeadCode(),
        NormalizeAttributes(),
        Canonicalize(),
        EliminateCommonSubexpressions(),
    )


def to_static(
    goal: Goal,
    decompose: Decompose,
    lowered: tuple[str, ...],
    *,
    whole: bool = False,
    half: bool = False,
    grids: bool = False,
) -> list[Phase]:
    """Return the phases from a loaded model to a static graph of operators that are lowered.

    Args:
        decompose: takes apart what the backend has no form of.
        lowered: the ONNX operators that the backend lowers.
        whole: the backend has attention as one operator.
        half: floats are computed in float16.
        grids: rounded activations become codes in the end.
    """
    tidy = clean(goal)
    hold = (HoldGrids(),) if grids else ()
    whole_graph = (UnrollLoops(), MergeBranches(), ResolveSequences())
    resolve = (goal.fold, *whole_graph, *hold, EliminateDeadCode())
    expand = ExpandFunctions(keep=functions_among(lowered))
    last = replace(goal.fold, lowered=lowered)
    wide = (EliminateDeadCode(), ScaleQueries(own=whole), FuseQkv(), MergeSlices(), MergeSplits())
    keep = (*([KeepHalfRange()] if half else []), *([KeepAttention()] if whole else []))
    return [
        Phase("resolve", resolve, max_rounds=5),
        Phase("clean", (*tidy, NotePlaces()), max_rounds=5),
        Phase("fuse", (Recognize(), FuseRotations(), goal.fuse, *tidy), max_rounds=5),
        Phase("attend", (FuseRotations(), FuseAttention(), *wide, *tidy), max_rounds=5),
        Phase("heads", (SplitHeads(), *tidy, MergeHeads(), MergeRotations()), max_rounds=5),
        Phase("decompose", (*keep, decompose, expand, goal.fuse, *tidy), max_rounds=8),
        Phase("static", (UnrollLoops(required=True), last, RequireStaticShapes())),
    ]
