"""Repetition."""

from __future__ import annotations

from collections.abc import Sequence

from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.program import Var
from mmc.backends.lowering import Unsupported, known
from mmc.ir import Node, shape_of


@lowers("Expand")
def expand(e: Emitter, n: Node) -> None:
    """y = x repeated along axes of size 1, after new axes in front -> reshape, tile."""
    x, shape = e.var(n.inputs[0]), shape_of(n.outputs[0])
    x = e.reshape(x, (1,) * (len(shape) - len(x.shape)) + x.shape)
    e.set(n.outputs[0], tiled(e, x, [d // s for d, s in zip(shape, x.shape, strict=True)]))


@lowers("Tile")
def tile(e: Emitter, n: Node) -> None:
    """y = x repeated along each axis -> tile."""
    repeats = known(n, 1)
    if repeats is None:
        raise Unsupported("Tile by computed numbers")
    e.set(n.outputs[0], tiled(e, e.var(n.inputs[0]), repeats))


def tiled(e: Emitter, x: Var, repeats: Sequence[int]) -> Var:
    """Emit tile, if anything is repeated."""
    if all(r == 1 for r in repeats):
        return x
    shape = [d * r for d, r in zip(x.shape, repeats, strict=True)]
    return e.op("tile", shape, x.dtype, x=x, reps=list(repeats))
