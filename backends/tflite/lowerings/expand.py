"""Repetition of a tensor."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute, reshape
from mmc.ir import Node, shape_of

MAX_RANK = 8
MAX_TILE_RANK = 7
MOST_BROADCAST = 4
"""Axes of which Hexagon's BROADCAST_TO makes numbers that are none of its input's (emulated)."""


@lowers("Expand")
def expand(e: Emitter, n: Node) -> None:
    """y = x broadcast to a shape -> BROADCAST_TO."""
    shape = shape_of(n.outputs[0])
    if shape == shape_of(n.inputs[0]):
        e.alias(n.outputs[0], e.tensor(n.inputs[0]))
        return
    if len(shape) > MAX_RANK:
        raise Unsupported(f"BROADCAST_TO rank {len(shape)}")
    if e.npu and len(shape) > MOST_BROADCAST:
        _tiled(e, n, shape)
        return
    operands = [e.tensor(n.inputs[0]), e.constant(np.array(shape, np.int32))]
    options = schema.BroadcastToOptionsT()
    y = e.tensor(n.outputs[0])
    compute(e, "BROADCAST_TO", operands, y, options, data=(0,), version=2)


def _tiled(e: Emitter, n: Node, shape: tuple[int, ...]) -> None:
    """Emit TILE, which repeats what has as many axes as the result."""
    before = (1,) * (len(shape) - len(shape_of(n.inputs[0]))) + shape_of(n.inputs[0])
    _repeated(e, n, reshape(e, e.tensor(n.inputs[0]), before), before)


def _repeated(e: Emitter, n: Node, x: int, before: tuple[int, ...]) -> None:
    """Emit TILE of a tensor of shape `before` as often as the result has it."""
    repeats = [b // a for a, b in zip(before, shape_of(n.outputs[0]), strict=True)]
    operands = [x, e.constant(np.array(repeats, np.int32))]
    compute(e, "TILE", operands, e.tensor(n.outputs[0]), schema.TileOptionsT(), data=(0,))


@lowers("Tile")
def tile(e: Emitter, n: Node) -> None:
    """y = x repeated along every axis -> TILE."""
    before, after = shape_of(n.inputs[0]), shape_of(n.outputs[0])
    if before == after:
        e.alias(n.outputs[0], e.tensor(n.inputs[0]))
        return
    if len(before) > MAX_TILE_RANK or 0 in before:
        raise Unsupported(f"TILE of shape {before}")
    _repeated(e, n, e.tensor(n.inputs[0]), before)
