"""Joining along an axis."""

from __future__ import annotations

from math import prod

from ai_edge_litert import schema_py_generated as schema

from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute, reshape
from mmc.ir import Node, attrs, shape_of

MAX_RANK = 6


@lowers("Concat")
def concat(e: Emitter, n: Node) -> None:
    """y = x0 ++ x1 ++ ... along `axis` -> CONCATENATION; empty operands are left out."""
    given = [v for v in n.inputs if v is not None]
    parts = [v for v in given if 0 not in shape_of(v)] or given[:1]
    if len(parts) == 1:
        e.alias(n.outputs[0], e.tensor(parts[0]))
        return
    y, tensors = e.tensor(n.outputs[0]), [e.tensor(v) for v in parts]
    options = schema.ConcatenationOptionsT()
    options.axis = attrs(n)["axis"] % len(e.shape(y))
    if len(e.shape(y)) <= MAX_RANK:
        compute(e, "CONCATENATION", tensors, y, options)
        return
    axis, options.axis = options.axis, 1
    flat = [reshape(e, x, matrix(e.shape(x), axis)) for x in tensors]
    joined = e.like(n.outputs[0], matrix(e.shape(y), axis))
    reshape(e, compute(e, "CONCATENATION", flat, joined, options), e.shape(y), y)


def matrix(shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    """Return the shape with the axes before `axis`, and those from it on, merged."""
    return prod(shape[:axis]), prod(shape[axis:])
