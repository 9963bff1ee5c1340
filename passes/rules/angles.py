"""The angles of rotary embeddings: constants, or cosines and sines of places that are inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmc.ir import Array, Node, Shape, Value, attrs, constant, dtype_of, shape_of
from mmc.pattern import Builder, NoMatch

from .scores import each_once

ELEMENTWISE = ("Cos", "Sin", "Cast", "Mul")
"""What may lie between the joined halves and the rotation."""


@dataclass(frozen=True)
class Angles:
    """Cosines or sines as an array or a value, and the shape that they broadcast with."""

    data: Array | Value
    shape: tuple[int, ...]

    @classmethod
    def of(cls, value: Value) -> Angles:
        """Return a value as it is, as an array if it is constant."""
        known = constant(value)
        return cls(value if known is None else known, shape_of(value))

    def along(self, out: Builder, shape: tuple[int, ...], place: int) -> Array | Value | None:
        """Return them as (batch, length, half size), the length being axis `place` of `shape`."""
        if len(self.shape) > 4:
            return None
        dims = (1,) * (4 - len(self.shape)) + self.shape
        heads = 3 - place
        if dims[place] != shape[place] or dims[heads] != 1 or dims[3] != shape[3] // 2:
            return None
        wanted = (dims[0], dims[place], dims[3])
        if isinstance(self.data, Value):
            if dims[0] != shape[0]:
                return None
            return self.data if shape_of(self.data) == wanted else out.Reshape(self.data, wanted)
        flat = np.broadcast_to(self.data.reshape(wanted), (shape[0], *wanted[1:]))
        return np.ascontiguousarray(flat)


Once = Callable[[Builder, Value, int], Value]
"""What takes each number once of a value that is made to hold each twice; refuses others."""


def first_half(out: Builder, value: Value, half: int) -> Angles:
    """Return the first half of angles whose halves are equal."""
    known, shape = constant(value), shape_of(value)
    if shape[-1:] != (2 * half,):
        raise NoMatch(f"{value.name!r} is of another size")
    short = (*shape[:-1], half)
    if known is None:
        return Angles(half_of_computed(out, value, half, joined), short)
    if not np.array_equal(known[..., :half], known[..., half:]):
        raise NoMatch(f"the halves of {value.name!r} differ")
    return Angles(known[..., :half], short)


def one_a_pair(out: Builder, value: Value) -> Angles:
    """Return every second number of angles whose neighbours are equal."""
    known, shape = constant(value), shape_of(value)
    if not shape or shape[-1] % 2:
        raise NoMatch(f"{value.name!r} is not one a pair: {shape}")
    short = (*shape[:-1], shape[-1] // 2)
    if known is None:
        return Angles(half_of_computed(out, value, short[-1], repeated), short)
    if not np.array_equal(known[..., 0::2], known[..., 1::2]):
        raise NoMatch(f"{value.name!r} differs within pairs")
    return Angles(known[..., 0::2], short)


def half_of_computed(out: Builder, value: Value, half: int, once: Once) -> Value:
    """Record half of a value whose numbers are there twice.

    Axes of size 1 are left where they were before a reshape added them.
    """
    made = value.producer()
    if made is None or made.inputs[0] is None:
        raise NoMatch(f"{value.name!r} is an input")
    first = made.inputs[0]
    if made.op_type == "Reshape" and shape_of(first)[-1:] == (2 * half,):
        return half_of_computed(out, first, half, once)
    if made.op_type in ELEMENTWISE and not made.domain:
        return elementwise(out, made, half_of_computed(out, first, half, once), half)
    return once(out, value, half)


def joined(out: Builder, value: Value, half: int) -> Value:
    """Return what a value joins with itself, or record its half of a table's columns."""
    made = value.producer()
    assert made is not None
    first = made.inputs[0]
    assert first is not None
    last = len(shape_of(value)) - 1
    if made.op_type == "Concat" and tuple(made.inputs) == (first, first):
        if attrs(made)["axis"] % (last + 1) != last:
            raise NoMatch(f"{value.name!r} joins along another axis")
        return first
    if made.op_type == "Tile" and shape_of(first) == (*shape_of(value)[:-1], half):
        return first
    table = constant(first)
    if made.op_type != "Gather" or table is None or table.ndim != 2 or attrs(made)["axis"]:
        raise NoMatch(f"{value.name!r} is not constant, and no value joined with itself")
    if not np.array_equal(table[:, :half], table[:, half:]):
        raise NoMatch(f"the halves of {first.name!r} differ")
    found: Value = out.Gather(np.ascontiguousarray(table[:, :half]), made.inputs[1])
    return like(found, value, half)


def repeated(out: Builder, value: Value, half: int) -> Value:
    """Record what a value repeats, each number next to itself."""
    found, _, times = each_once(out, value, len(shape_of(value)) - 1)
    if times != 2:
        raise NoMatch(f"{value.name!r} is not constant, and holds no number twice in turn")
    return like(found, value, half)


def like(found: Value, value: Value, half: int) -> Value:
    """Give a new value the type of another one, and its shape with another last size."""
    found.shape, found.type = Shape([*shape_of(value)[:-1], half]), value.type
    return found


def elementwise(out: Builder, n: Node, operand: Value, half: int) -> Value:
    """Record node `n` of the first half of its operand; a product only by one number."""
    others = [constant(v) for v in n.inputs[1:] if v is not None]
    if any(c is None or c.size != 1 for c in others):
        raise NoMatch(f"{n.op_type} {n.name!r} is not by one number")
    return like(out.again(n, [operand, *n.inputs[1:]]), n.outputs[0], half)


def rotated(
    out: Builder, x: Value, cos: Angles, sin: Angles, interleaved: int | None = None
) -> Value:
    """Record RotaryEmbedding of x (batch, heads, length, size), or (batch, length, heads, size)."""
    shape = shape_of(x)
    if len(shape) != 4 or dtype_of(x).kind != "f":
        raise NoMatch("it is not float of four axes")
    for place in (2, 1):
        caches = [c.along(out, shape, place) for c in (cos, sin)]
        if all(c is not None for c in caches):
            break
    else:
        raise NoMatch("the angles do not depend on the place alone")
    if place == 2:
        return out.node("RotaryEmbedding", [x, *caches], interleaved=interleaved)
    flat = out.Reshape(x, [shape[0], shape[1], shape[2] * shape[3]])
    y = out.node("RotaryEmbedding", [flat, *caches], interleaved=interleaved, num_heads=shape[2])
    return out.Reshape(y, list(shape))
