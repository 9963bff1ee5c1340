"""Weights that a model stores as integers and casts, for a target that computes in float."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, dtype_of
from mmc.pattern import Builder, NoMatch, const, op, rewrite


@rewrite(op.Cast(const("w")).named("n"), stage="decompose")
def cast_of_integer_weight(out: Builder, w: Array, n: Node) -> Array:
    """Cast(w) of int8 or uint8 weights  ->  the float weights (the fold may grow the file here)."""
    dtype = dtype_of(n.outputs[0])
    if w.dtype not in (np.int8, np.uint8) or dtype != np.float32:
        raise NoMatch(f"a cast from {w.dtype} to {dtype}")
    return w.astype(np.float32)
