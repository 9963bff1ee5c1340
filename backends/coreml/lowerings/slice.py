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

    A negative step reads the same elements from the other end and turns them around. Axes of one
    element that a reshape behind it leaves out are left out at once.
    """
    x, shape = e.var(n.inputs[0]), shape_of(n.outputs[0])
    begins, steps = slice_bounds(n, x.shape)
    turned = [axis for axis, step in enumerate(steps) if step < 0]
    for axis in turned:
        begins[axis] += steps[axis] * (shape[axis] - 1)
        steps[axis] = -steps[axis]
    moving = [axis for axis in turned if shape[axis] > 1]
    dropped = () if moving else dropped_behind(n, shape)
    y = x if shape == x.shape else part(e, x, begins, shape, steps, dropped)
    e.set(n.outputs[0], e.like("reverse", y, axes=moving) if moving else y)


def part(
    e: Emitter,
    x: Var,
    begins: Sequence[int],
    shape: Sequence[int],
    steps: Sequence[int] | None = None,
    dropped: Sequence[int] = (),
) -> Var:
    """Emit slice_by_index: `shape` elements from `begins` on, every `steps`-th.

    The result has no axes `dropped`, of which it would have one element.
    """
    steps = steps or [1] * len(shape)
    ends = [b + (d - 1) * s + 1 for b, d, s in zip(begins, shape, steps, strict=True)]
    stride = steps if any(s != 1 for s in steps) else None
    left = [d for axis, d in enumerate(shape) if axis not in dropped]
    squeeze = [axis in dropped for axis in range(len(shape))] if dropped else None
    given = {"begin": list(begins), "end": ends, "stride": stride, "squeeze_mask": squeeze}
    return e.op("slice_by_index", left, x.dtype, x=x, **given)


def dropped_behind(n: Node, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the axes of one element that the only reader, a reshape, leaves out."""
    users = [use.node for use in n.outputs[0].uses()]
    if len(users) != 1 or users[0].op_type not in ("Reshape", "Squeeze"):
        return ()
    wanted = list(shape_of(users[0].outputs[0]))
    dropped = []
    for axis, size in enumerate(shape):
        if wanted and wanted[0] == size:
            del wanted[0]
        elif size == 1:
            dropped.append(axis)
        else:
            return ()
    return tuple(dropped) if not wanted and len(dropped) < len(shape) else ()
