"""Joining and cutting along one axis."""

from __future__ import annotations

from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.lowerings.slice import part
from mmc.ir import Node, attrs, shape_of


@lowers("Concat")
def concat(e: Emitter, n: Node) -> None:
    """y = the inputs one after the other along `axis`; those without elements are left out."""
    shape = shape_of(n.outputs[0])
    axis = attrs(n)["axis"] % len(shape)
    parts = [e.var(v) for v in n.inputs if 0 not in shape_of(v)]
    if len(parts) == 1:
        e.set(n.outputs[0], parts[0])
        return
    y = e.op("concat", shape, parts[0].dtype, values=parts, axis=axis, interleave=False)
    e.set(n.outputs[0], y)


@lowers("Split")
def split(e: Emitter, n: Node) -> None:
    """y0, y1, ... = parts of x along `axis` -> split; slices where parts are unused or empty."""
    x = e.var(n.inputs[0])
    axis = attrs(n)["axis"] % len(x.shape)
    shapes = [shape_of(v) for v in n.outputs]
    used = [bool(v.uses()) or v.is_graph_output() for v in n.outputs]
    if len(shapes) == 1:
        e.set(n.outputs[0], x)
    elif all(used) and all(s[axis] for s in shapes):
        equal = len({s[axis] for s in shapes}) == 1
        sizes = {"num_splits": len(shapes)} if equal else {"split_sizes": [s[axis] for s in shapes]}
        made = e.ops("split", [(s, x.dtype) for s in shapes], x=x, axis=axis, **sizes)
        for value, var in zip(n.outputs, made, strict=True):
            e.set(value, var)
    else:
        begin = 0
        for value, shape, wanted in zip(n.outputs, shapes, used, strict=True):
            if wanted and shape[axis]:
                starts = [begin if a == axis else 0 for a in range(len(shape))]
                e.set(value, part(e, x, starts, shape))
            begin += shape[axis]
