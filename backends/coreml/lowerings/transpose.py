"""Permutations of axes."""

from __future__ import annotations

from collections.abc import Sequence

from mmc.backends.coreml.emitter import MAX_RANK, Emitter, lowers
from mmc.backends.coreml.program import Var
from mmc.backends.lowering import Unsupported
from mmc.ir import Node, attrs, shape_of
from mmc.layout.permutation import merged


@lowers("Transpose")
def transpose(e: Emitter, n: Node) -> None:
    """y = x with axes permuted -> transpose; reshape where only axes of size 1 move.

    Above rank 5 axes that stay neighbours are merged first; such a result is not given its shape.
    """
    x, shape, result = e.flat(n.inputs[0]), shape_of(n.inputs[0]), shape_of(n.outputs[0])
    perm = attrs(n).get("perm") or tuple(reversed(range(len(shape))))
    moved = [axis for axis in perm if shape[axis] != 1]
    if moved == sorted(moved):
        y = x
    elif len(shape) <= MAX_RANK:
        y = permuted(e, e.reshape(x, shape), perm)
    else:
        sizes, order = merged(shape, moved)
        if len(sizes) > MAX_RANK:
            raise Unsupported(f"a transpose of rank {len(sizes)}: {shape} by {perm}")
        y = permuted(e, e.reshape(x, sizes), order)
    e.set(n.outputs[0], y if len(result) > MAX_RANK else e.reshape(y, result))


def permuted(e: Emitter, x: Var, perm: Sequence[int]) -> Var:
    """Emit transpose."""
    return e.op("transpose", [x.shape[axis] for axis in perm], x.dtype, x=x, perm=perm)
