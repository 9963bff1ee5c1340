"""Operators of more axes than Hexagon takes: neighbours that nothing tells apart become one axis.

The reshapes around such an operator move no data, and those between two of them are one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
import onnx_ir as ir

from mmc.ir import Array, Node, Value, attrs, constant, own_attrs, shape_of
from mmc.layout.carriers import ELEMENTWISE
from mmc.opset import ACTIVATIONS, DOMAIN, split_activation
from mmc.pass_manager import Contract
from mmc.pattern import Builder, NoMatch, const, op, rewrite
from mmc.pattern_language import OpPattern

from .parts import reshape
from .slices import SLICE, ranges, slice_by

Shape = tuple[int, ...]
Run = tuple[int, int]

WHOLE = (ir.DataType.BOOL, ir.DataType.INT32, ir.DataType.INT64)
MOST = 5
LESS = frozenset(
    """ArgMax ArgMin Ceil Clip Cos CumSum Elu Equal Erf Floor GatherND Greater GreaterOrEqual
    HardSwish Less LessOrEqual Linear Log LogSoftmax Max Min Mod Neg Pad ReduceMax ReduceMin
    ReduceProd Round Sign Sin Tanh TopK""".split()
)
"""Operators whose kernels take one axis less (hexagon.toml, measured)."""
EXACT = ("ReduceMax", "ReduceMin")
ARITHMETIC = [a + b for a in ("Add", "Sub", "Mul", "Div") for b in ("", *ACTIVATIONS)]

exact = partial(rewrite, stage="many-axes", contract=Contract.EXACT)


def most_axes(n: Node) -> int:
    """Return how many axes an operator may have; whole numbers of five do not always compile."""
    computed = [v for v in n.inputs if v is not None and constant(v) is None]
    whole = any(v.dtype in WHOLE for v in (*computed, *n.outputs))
    return MOST - (whole or split_activation(n.op_type)[0] in LESS)


def runs(n: Node, shapes: Sequence[Shape], apart: Collection[int] = ()) -> list[Run]:
    """Return (start, stop) of the axes that become one, or refuse.

    Neighbours do where the same shapes have them in full and the same are 1 there; axes of 1 go
    with any. Those in `apart` stay for themselves. The front ones do, and no more than needed: the
    NPU cuts its blocks along the last axes.
    """
    rank, most = max(map(len, shapes)), most_axes(n)
    padded = [(1,) * (rank - len(s)) + s for s in shapes]
    if rank <= most or any(0 in s for s in shapes):
        raise NoMatch(f"it has {rank} axes, or no entries")
    found: list[Run] = []
    last: object = None
    for axis, sizes in enumerate(zip(*padded, strict=True)):
        whole = max(sizes)
        kind: object = None if whole == 1 else tuple(s == whole for s in sizes)
        kind = axis if axis in apart else kind
        alike = kind is None or last is None or kind == last
        if found and alike and len(found) + rank - axis > most:
            found[-1] = (found[-1][0], axis + 1)
            kind = last if kind is None else kind
        else:
            found.append((axis, axis + 1))
        last = kind
    if len(found) > most:
        raise NoMatch(f"{len(found)} axes differ")
    return found


def view(shape: Shape, found: Sequence[Run]) -> Shape:
    """Return a shape with merged axes; leading ones are added first."""
    padded = (1,) * (found[-1][1] - len(shape)) + shape
    return tuple(prod(padded[start:stop]) for start, stop in found)


def place(axis: int, found: Sequence[Run]) -> int:
    """Return where an axis is among the merged ones."""
    return next(i for i, (_, stop) in enumerate(found) if axis < stop)


def seen(out: Builder, x: Value, found: Sequence[Run]) -> Any:
    """Return an operand with merged axes; a scalar stays as it is."""
    shape = shape_of(x)
    if prod(shape) == 1 and len(shape) < 2:
        return x
    array, wanted = constant(x), view(shape, found)
    return reshape(out, x, wanted) if array is None else array.reshape(wanted)


def again(out: Builder, n: Node, operands: Sequence[Any], **changed: int) -> Value:
    """Record the operator anew, and give its result the shape that it had."""
    return reshape(out, out.again(n, operands, **changed), shape_of(n.outputs[0]))


def entries(out: Builder, n: Node) -> Value:
    """Record an operator that looks at one entry of each operand."""
    given = [v for v in n.inputs if v is not None]
    found = runs(n, [shape_of(v) for v in given])
    return again(out, n, [v if v is None else seen(out, v, found) for v in n.inputs])


@exact(op.Reshape("r", "shape").named("n"))
def reshape_of_read_reshape(out: Builder, r: Value, n: Node) -> Value:
    """reshape(reshape(x))  ->  reshape(x), also where others read the inner one, of many axes."""
    made = r.producer()
    if made is None or made.op_type != "Reshape" or made.inputs[0] is None:
        raise NoMatch("it does not reshape a reshape")
    if len(shape_of(r)) < MOST:
        raise NoMatch("the inner one has few axes")
    return reshape(out, made.inputs[0], shape_of(n.outputs[0]))


@exact(op[tuple(sorted(ELEMENTWISE))](...).named("n"))
def elementwise_of_many_axes(out: Builder, n: Node) -> Value:
    """f(x, y)  ->  reshape(f(reshape(x), reshape(y)))."""
    return entries(out, n)


@exact(OpPattern((*ARITHMETIC, "Silu"), DOMAIN, (...,)).named("n"))
def arithmetic_of_many_axes(out: Builder, n: Node) -> Value:
    """x + y, and an activation  ->  reshape(reshape(x) + reshape(y))."""
    return entries(out, n)


@exact(op["Softmax", "LogSoftmax", "ArgMax", "ArgMin"]("x").named("n"))
def axis_of_many(out: Builder, x: Value, n: Node) -> Value:
    """softmax(x)  ->  reshape(softmax(reshape(x))), the axis that it runs over as it is."""
    axis = attrs(n)["axis"] % len(shape_of(x))
    found = runs(n, [shape_of(x)], (axis,))
    return again(out, n, [seen(out, x, found)], axis=place(axis, found))


@exact(op.CumSum("x", const("axis")).named("n"))
def cumsum_of_many_axes(out: Builder, x: Value, axis: Array, n: Node) -> Value:
    """cumsum(x)  ->  reshape(cumsum(reshape(x))), its axis as it is."""
    along = int(axis.item()) % len(shape_of(x))
    found = runs(n, [shape_of(x)], (along,))
    return again(out, n, [seen(out, x, found), np.array(place(along, found), np.int64)])


@exact(op.Gather("x", const("indices")).named("n"))
def gather_of_many_axes(out: Builder, x: Value, indices: Array, n: Node) -> Value:
    """gather(x)  ->  reshape(gather(reshape(x), indices in a row)), its axis as it is."""
    rank = len(shape_of(x))
    axis = attrs(n)["axis"] % rank
    if rank <= most_axes(n) < rank - 1 + indices.ndim:
        return again(out, n, [x, indices.reshape(-1)], axis=axis)
    found = runs(n, [shape_of(x)], (axis,))
    return again(out, n, [seen(out, x, found), indices.reshape(-1)], axis=place(axis, found))


@rewrite(
    OpPattern(("Linear", *("Linear" + a for a in ACTIVATIONS)), DOMAIN, ("x", "w", ...)).named("n"),
    stage="many-axes",
)
def linear_of_many_axes(out: Builder, x: Value, n: Node) -> Value:
    """linear(x, w, b)  ->  reshape(linear(reshape(x), w, b)), the last axis as it is."""
    found = runs(n, [shape_of(x)], (len(shape_of(x)) - 1,))
    return again(out, n, [seen(out, x, found), *n.inputs[1:]])


@exact(op.GatherND("x", const("places")).named("n"))
def places_of_many_axes(out: Builder, x: Value, places: Array, n: Node) -> Value:
    """gather_nd(x)  ->  reshape(gather_nd(reshape(x))), the axes that are looked up as they are.

    Places of many axes are looked up in a row.
    """
    if attrs(n)["batch_dims"]:
        raise NoMatch("it looks up in a batch")
    if len(shape_of(x)) <= most_axes(n) < len(shape_of(n.outputs[0])):
        return again(out, n, [x, places.reshape(-1, places.shape[-1])])
    found = runs(n, [shape_of(x)], range(places.shape[-1]))
    return again(out, n, [seen(out, x, found), places])


@exact(op.Concat(...).named("n"))
def concat_of_many_axes(out: Builder, n: Node) -> Value:
    """concat(x, y)  ->  reshape(concat(reshape(x), reshape(y))), the axis between two others."""
    whole = shape_of(n.outputs[0])
    axis = attrs(n)["axis"] % len(whole)
    found = runs(n, [whole], (axis,))
    parts = [seen(out, v, found) for v in n.inputs if v is not None]
    return again(out, n, parts, axis=place(axis, found))


@exact(op.TopK("x", const("count")).named("n"))
def topk_of_many_axes(out: Builder, x: Value, count: Array, n: Node) -> tuple[Value, ...]:
    """topk(x)  ->  the values and places of topk(reshape(x)), each reshaped."""
    axis = attrs(n)["axis"] % len(shape_of(x))
    found = runs(n, [shape_of(x)], (axis,))
    given = own_attrs(n) | {"axis": place(axis, found)}
    parts = out.node("TopK", [seen(out, x, found), count], outputs=2, **given)
    return tuple(reshape(out, p, shape_of(v)) for p, v in zip(parts, n.outputs, strict=True))


@exact(op.Pad("x", const("pads")).named("n"))
def reflection_of_many_axes(out: Builder, x: Value, pads: Array, n: Node) -> Value:
    """pad(x)  ->  reshape(pad(reshape(x))), the padded axes as they are."""
    ends = [int(p) for p in pads.reshape(-1)]
    rank = len(ends) // 2
    if attrs(n)["mode"] == "constant" or rank != len(shape_of(x)):
        raise NoMatch("it pads by a constant, or some axes are not named")
    found = runs(n, [shape_of(x)], [a for a in range(rank) if ends[a] or ends[a + rank]])
    sides = [
        [sum(side[start:stop]) for start, stop in found] for side in (ends[:rank], ends[rank:])
    ]
    return again(out, n, [seen(out, x, found), np.array(sides).reshape(-1)])


@exact(op.Split("x", const("sizes")).named("n"))
def split_of_many_axes(out: Builder, x: Value, sizes: Array, n: Node) -> tuple[Value, ...]:
    """split(x)  ->  the parts of reshape(x), each reshaped."""
    axis, count = attrs(n)["axis"] % len(shape_of(x)), len(n.outputs)
    found = runs(n, [shape_of(x)], (axis,))
    given = [seen(out, x, found), sizes]
    parts = out.node("Split", given, outputs=count, axis=place(axis, found))
    made = parts if count > 1 else (parts,)
    return tuple(reshape(out, p, shape_of(v)) for p, v in zip(made, n.outputs, strict=True))


@exact(SLICE.named("n"))
def slice_of_many_axes(out: Builder, x: Value, n: Node) -> Value:
    """slice(x)  ->  reshape(slice(reshape(x))), the sliced axes as they are."""
    spans = ranges(n)
    if not spans:
        raise NoMatch("it takes all")
    found = runs(n, [shape_of(x)], [axis for axis, *_ in spans])
    moved = [(place(axis, found), start, stop, step) for axis, start, stop, step in spans]
    part = slice_by(out, reshape(out, x, view(shape_of(x), found)), moved)
    return reshape(out, part, shape_of(n.outputs[0]))


@exact(
    op["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"]("x", const("axes")).named(
        "n"
    )
)
def reduction_of_many_axes(out: Builder, x: Value, axes: Array, n: Node) -> Value:
    """reduce(x)  ->  reshape(reduce(reshape(x))), neighbours that are both reduced as one."""
    shape = shape_of(x)
    reduced = {a for a in (int(a) % len(shape) for a in axes.reshape(-1)) if shape[a] > 1}
    if not reduced:
        raise NoMatch("it reduces axes of 1")
    kept = tuple(1 if a in reduced else size for a, size in enumerate(shape))
    if n.op_type in EXACT and len(shape) >= MOST and max(reduced) - min(reduced) >= len(reduced):
        return one_by_one(out, x, n, sorted(reduced))
    found = runs(n, [shape, kept])
    places = sorted({place(a, found) for a in reduced})
    return again(out, n, [seen(out, x, found), np.array(places, np.int64)], keepdims=1)


def one_by_one(out: Builder, x: Value, n: Node, axes: Sequence[int]) -> Value:
    """Reduce axes that are no neighbours one after the other: those between them stay apart."""
    for axis in axes:
        x = out.node(n.op_type, [x, np.array([axis])], keepdims=1)
    return reshape(out, x, shape_of(n.outputs[0]))


@exact(op.Expand("x", const("shape")).named("n"))
def expand_to_many_axes(out: Builder, x: Value, n: Node) -> Value:
    """expand(x)  ->  reshape(expand(reshape(x)))."""
    wanted = shape_of(n.outputs[0])
    found = runs(n, [shape_of(x), wanted])
    return again(out, n, [seen(out, x, found), np.array(view(wanted, found), np.int64)])


@exact(op.Tile("x", const("repeats")).named("n"))
def tile_of_many_axes(out: Builder, x: Value, repeats: Array, n: Node) -> Value:
    """tile(x)  ->  reshape(tile(reshape(x))), the repeated axes as they are."""
    times = tuple(int(r) for r in repeats.reshape(-1))
    found = runs(n, [shape_of(x)], [a for a, r in enumerate(times) if r != 1])
    return again(out, n, [seen(out, x, found), np.array(view(times, found), np.int64)])
