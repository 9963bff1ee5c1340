"""Arithmetic on quantized tensors as float arithmetic that rounds and saturates alike."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from mmc.integers.grids import is_grid, only_leaves
from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, operand, shape_of
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

FLOAT = 1
CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


_centred: WeakKeyDictionary[Any, list[tuple[Array, tuple[int, ...] | None, Array]]] = (
    WeakKeyDictionary()
)
"""What `centred` made of a tensor, while that lives: zero points, the shape asked for, result."""


def codes(out: Builder, x: Value, zero: Value | None, shape: tuple[int, ...] | None = None) -> Any:
    """Return x - zero as float32: exact, as the integers have 16 bits at most.

    `shape` is the zero point's when it does not broadcast as it is.
    """
    q, z = constant(x), constant(zero)
    if q is not None and (zero is None or z is not None):
        return centred(x, q, z, shape)
    made: Value = out.Cast(x, to=FLOAT)
    if zero is None or (z is not None and not z.astype(np.float32).any()):
        return made
    if z is not None:
        return out.Sub(made, shaped(z.astype(np.float32), shape))
    centre = out.Cast(zero, to=FLOAT)
    return out.Sub(made, centre if shape is None else out.Reshape(centre, np.array(shape)))


def centred(x: Value, q: Array, z: Array | None, shape: tuple[int, ...] | None) -> Array:
    """Return constant codes q of x minus z as float32, one array however often it is asked for.

    The steps of an unrolled loop read one weight: an array each would be its size times the steps.
    """
    zero = np.zeros((), np.uint8) if z is None else z
    known = [] if x.const_value is None else _centred.get(x.const_value, [])
    for given, asked, made in known:
        if shape == asked and np.array_equal(zero, given):
            return made
    offset = shaped(zero.astype(np.float32), shape)
    made = np.asarray(q.astype(np.float32) - offset, np.float32)
    if x.const_value is not None and len(x.uses()) > 1:
        _centred[x.const_value] = [*known, (zero, shape, made)]
    return made


def shaped(array: Array, shape: tuple[int, ...] | None) -> Array:
    """Return the array in `shape`; one number broadcasts as it is."""
    if array.size == 1:
        return array.reshape(())
    return array if shape is None else array.reshape(shape)


def along(parameter: Value, x: Value, axis: int) -> tuple[int, ...] | None:
    """Return the shape in which scales along an axis broadcast against x."""
    size = shape_of(parameter)
    if int(np.prod(size)) == 1:
        return ()
    if len(size) != 1:
        return None
    rank = len(shape_of(x))
    return tuple(-1 if a == axis % rank else 1 for a in range(rank))


def spread(out: Builder, parameter: Value, shape: tuple[int, ...] | None) -> Any:
    """Return scales as float32 in the shape in which they broadcast."""
    array = constant(parameter)
    if array is not None:
        return shaped(array.astype(np.float32), shape)
    return parameter if shape is None else out.Reshape(parameter, np.array(shape, np.int64))


def rounded(out: Builder, y: Any, zero: Value | None, to: np.dtype[Any], shape: Any = None) -> Any:
    """Return clip(round(y) + zero) in the integer type `to`; ties go to even."""
    if to.itemsize > 2 or to.kind not in "iu" or to.name not in LIMITS:
        raise NoMatch(f"TFLite has no plain tensors of {to}")
    low, high = LIMITS[to.name]
    y = out.Round(y)
    z = constant(zero)
    if zero is not None and (z is None or z.astype(np.float32).any()):
        y = out.Add(y, out.Cast(zero, to=FLOAT) if z is None else shaped(z.astype("f4"), shape))
    y = out.Clip(y, np.float32(low), np.float32(high))
    kinds = {"uint8": 2, "int8": 3, "uint16": 4, "int16": 5}
    return out.Cast(y, to=kinds[to.name])


PLAIN = ("int8", "uint8", "int16")
"""Codes that TFLite has tensors of; int8 and int16 are what kernels compute on."""
LIMITS = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767)}


@rewrite(op.QuantizeLinear("x", "scale", maybe("zero")).named("n"), stage="decompose")
def quantize_linear(out: Builder, x: Value, scale: Value, zero: Value | None, n: Node) -> Value:
    """q = clip(round(x / scale) + zero)."""
    blocked(n)
    if is_grid(x.producer()) and only_leaves(n) and dtype_of(n.outputs[0]).name in PLAIN:
        raise NoMatch("its codes leave the model as such")
    shape = along(scale, x, attrs(n)["axis"])
    y = out.Div(x, spread(out, scale, shape))
    made: Value = rounded(out, y, zero, dtype_of(n.outputs[0]), shape)
    return made


def is_alike(q: Value) -> bool:
    """Say whether all who read codes take them for the same numbers: a tensor has one scale."""
    readers = [use.node for use in q.uses()]
    first = stands_for(readers[0])
    return all(n.op_type == "DequantizeLinear" and stands_for(n) == first for n in readers)


def stands_for(n: Node) -> list[bytes | None]:
    """Return the scale and zero point that a node reads codes with, as bytes."""
    return [None if (c := constant(v)) is None else c.tobytes() for v in n.inputs[1:]]


def blocked(n: Node) -> None:
    if attrs(n).get("block_size"):
        raise NoMatch("its scales are per block")


@rewrite(op.DequantizeLinear("q", "scale", maybe("zero")).named("n"), stage="decompose")
def dequantize_linear(out: Builder, q: Value, scale: Value, zero: Value | None, n: Node) -> Value:
    """x = (q - zero) scale; a constant is computed now."""
    parts = [constant(v) for v in (q, scale, zero)]
    if all(p is not None for p in parts[: 3 if zero is not None else 2]):
        folded: Value = out.Identity(dequantized(n, parts))
        return folded
    blocked(n)
    users = [use.node for use in n.outputs[0].uses()]
    if users and all(map(is_grid, users)) and dtype_of(q).name in PLAIN and is_alike(q):
        raise NoMatch("its codes come into the model as such")
    if dtype_of(scale) != np.float32:
        raise NoMatch("its scale is not float32")
    shape = along(scale, q, attrs(n)["axis"])
    wide = dtype_of(q) == np.int32
    values = out.Cast(q, to=FLOAT) if wide else codes(out, q, zero, shape)
    made: Value = out.Mul(values, spread(out, scale, shape))
    return made


def dequantized(n: Node, parts: list[Array | None]) -> Array:
    """Return the constant that a DequantizeLinear of constants is, blocks included."""
    q, scale, zero = parts
    assert q is not None
    assert scale is not None
    given = attrs(n)
    axis, block = given["axis"] % max(q.ndim, 1), given.get("block_size", 0)
    spreads = [_spread_array(p, q, axis, block) for p in (scale, zero) if p is not None]
    values = q.astype(np.float32)
    if zero is not None:
        values -= spreads[1].astype(np.float32)
    values *= spreads[0].astype(np.float32)
    return values.astype(dtype_of(n.outputs[0]), copy=False)


def _spread_array(p: Array, q: Array, axis: int, block: int) -> Array:
    if p.size == 1:
        return p.reshape(())
    if block:
        return np.repeat(p, block, axis)[tuple(slice(s) for s in q.shape)]
    return p.reshape([-1 if a == axis else 1 for a in range(q.ndim)])


@rewrite(op.Cast(op.Cast("y").named("inner"), to=FLOAT), stage="decompose")
def whole_numbers(out: Builder, y: Value, inner: Node) -> Value:
    """float(integer(clip(y)))  ->  clip(y), for whole y and bounds within the integer type."""
    clip, kind = y.producer(), dtype_of(inner.outputs[0])
    if clip is None or clip.op_type != "Clip" or dtype_of(y) != np.float32 or not whole(y):
        raise NoMatch("its operand may have a fraction")
    limits = [constant(v) for v in clip.inputs[1:]]
    if kind.name not in LIMITS or len(limits) < 2 or limits[0] is None or limits[1] is None:
        raise NoMatch("its operand has no constant bounds, or the type is a wide one")
    if limits[0].item() < LIMITS[kind.name][0] or limits[1].item() > LIMITS[kind.name][1]:
        raise NoMatch("the bounds exceed the integer type")
    return y


def whole(y: Value | None) -> bool:
    """Say whether y is a rounded number, or one plus a whole constant or a clipped whole number."""
    node = None if y is None else y.producer()
    if node is None:
        array = constant(y)
        return array is not None and bool((array == np.rint(array)).all())
    if node.op_type in ("Add", "Clip"):
        return all(whole(v) for v in node.inputs)
    return node.op_type == "Round"


@rewrite(op.DynamicQuantizeLinear("x"), stage="decompose")
def dynamic_quantize_linear(out: Builder, x: Value) -> tuple[Value, ...]:
    """scale = (max(x, 0) - min(x, 0)) / 255;  zero = round(-min / scale);  y = quantize(x)."""
    low = out.Min(out.ReduceMin(x, keepdims=0), np.float32(0))
    high = out.Max(out.ReduceMax(x, keepdims=0), np.float32(0))
    span = out.Sub(high, low)
    flat = out.Equal(span, np.float32(0))
    scale = out.Where(flat, np.float32(1), out.Div(span, np.float32(255)))
    centre = out.Round(out.Div(out.Sub(np.float32(0), low), scale))
    centre = out.Clip(centre, np.float32(0), np.float32(255))
    y = out.Add(out.Round(out.Div(x, scale)), centre)
    y = out.Clip(y, np.float32(0), np.float32(255))
    return out.Cast(y, to=2), scale, out.Cast(centre, to=2)


@rewrite(
    op.QLinearConv("x", "sx", "zx", "w", "sw", "zw", "sy", "zy", maybe("b")).named("n"),
    stage="decompose",
)
def q_linear_conv(out: Builder, n: Node) -> Value:
    """y = clip(round((conv(x - zx, w - zw) + b) sx sw / sy) + zy)."""
    x, sx, zx, w, sw, zw, sy, zy = n.inputs[:8]
    assert x
    assert sx
    assert w
    assert sw
    assert sy
    given = attrs(n)
    options = {name: given[name] for name in CONV if name in given}
    rows = None if zw is None else along(zw, w, 0)
    total = out.node("Conv", [codes(out, x, zx), codes(out, w, zw, rows)], **options)
    channels = (1, -1, *[1] * (len(shape_of(x)) - 2))
    if operand(n, 8) is not None:
        bias = constant(n.inputs[8])
        if bias is None:
            raise NoMatch("its bias is computed")
        total = out.Add(total, bias.astype(np.float32).reshape(channels))
    y = out.Mul(total, step(sx, sw, sy, channels))
    made: Value = rounded(out, y, zy, dtype_of(n.outputs[0]))
    return made


def step(sx: Value, sw: Value, sy: Value, shape: tuple[int, ...] | None) -> Array:
    """Return sx sw / sy, in the order in which ONNX Runtime rounds it."""
    a, b, c = (constant(v) for v in (sx, sw, sy))
    if a is None or b is None or c is None:
        raise NoMatch("its scales are computed")
    return shaped((a.reshape(-1)[:1] * b / c.reshape(-1)[:1]).astype(np.float32), shape)


@rewrite(
    op.QLinearMatMul("a", "sa", "za", "b", "sb", "zb", "sy", "zy").named("n"), stage="decompose"
)
def q_linear_matmul(out: Builder, n: Node) -> Value:
    """y = clip(round((a - za) (b - zb) sa sb / sy) + zy)."""
    a, sa, za, b, sb, zb, sy, zy = n.inputs
    assert a
    assert sa
    assert b
    assert sb
    assert sy
    if int(np.prod(shape_of(sa))) != 1:
        raise NoMatch("the left operand has a scale per row")
    total = out.MatMul(codes(out, a, za), codes(out, b, zb))
    made: Value = rounded(out, out.Mul(total, step(sa, sb, sy, None)), zy, dtype_of(n.outputs[0]))
    return made
