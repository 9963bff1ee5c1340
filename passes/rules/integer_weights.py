"""Weights that a model stores as integers and casts, for a target that computes in float."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, constant, dtype_of
from mmc.pattern import Builder, NoMatch, const, op, rewrite
from mmc.spilling import spilled


@rewrite(op.Cast(const("w")).named("n"), stage="decompose")
def cast_of_integer_weight(out: Builder, w: Array, n: Node) -> Array:
    """Cast(w) of int8 or uint8 weights  ->  the float weights (the fold may grow the file here)."""
    dtype = dtype_of(n.outputs[0])
    if w.dtype not in (np.int8, np.uint8) or dtype != np.float32:
        raise NoMatch(f"a cast from {w.dtype} to {dtype}")
    readers = [use.node for use in n.outputs[0].uses()]
    if len(readers) == 1 and readers[0].op_type == "Mul" and all(map(known, readers[0].inputs)):
        raise NoMatch("its product with a scale is the weight")
    return spilled(w.shape, lambda rows: w[rows].astype(np.float32))


def known(value: Value | None) -> bool:
    """Say whether a factor is a constant, or a cast of one."""
    maker = value.producer() if value is not None else None
    return constant(maker.inputs[0] if maker and maker.op_type == "Cast" else value) is not None


@rewrite(op.Mul(op.Cast(const("w")), const("scale")).named("n"), stage="decompose")
def scaled_integer_weight(out: Builder, w: Array, scale: Array, n: Node) -> Array:
    """float(w) scale  ->  the float weights, without a second copy of them in between."""
    if w.dtype not in (np.int8, np.uint8) or dtype_of(n.outputs[0]) != np.float32:
        raise NoMatch(f"{w.dtype} weights in {dtype_of(n.outputs[0])}")
    if np.broadcast_shapes(w.shape, scale.shape) != w.shape:
        raise NoMatch(f"scales of shape {scale.shape} widen the weights {w.shape}")
    scales = np.broadcast_to(scale, w.shape)
    return spilled(w.shape, lambda rows: w[rows].astype(np.float32) * scales[rows])
