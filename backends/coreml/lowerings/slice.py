"""Parts of a tensor."""

from __future__ import annotations

from collections.abc import Sequence

from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.program import Var
from mmc.backends.lowering import slice_bounds
from mmc.ir import Node, shape_of


@lowers("Slice")
def strided(e: Emitter, n: Node) -> None:
    """y = x[start:end:step] along `axes`, ends clamped -> slice_by_index, then reverse.

    A negative step reads the same elements from the other end and turns them around.
    """
    x, shape = e.var(n.inputs[0]), shape_of(n.outputs[0])
    begins, steps = slice_bounds(n, x.shape)
    turned = [axis for axis, step in enumerate(steps) if step < 0]
    for axis in turned:
        begins[axis] += steps[axis] * (shape[axis] - 1)
        steps[axis] = -steps[axis]
    y = x if shape == x.shape else part(e, x, begins, shape, steps)
    moving = [axis for axis in turned if shape[axis] > 1]
    e.set(n.outputs[0], e.like("reverse", y, axes=moving) if moving else y)


def part(
    e: Emitter,
    x: Var,
    begins: Sequence[int],
    shape: Sequence[int],
    steps: Sequence[int] | None = None,
) -> Var:
    """Emit slice_by_index: `shape` elements from `begins` on, every `steps`-th."""
    steps = steps or [1] * len(shape)
    ends = [b + (d - 1) * s + 1 for b, d, s in zip(begins, shape, steps, strict=True)]
    stride = steps if any(s != 1 for s in steps) else None
    return e.op("slice_by_index", shape, x.dtype, x=x, begin=list(begins), end=ends, stride=stride)
