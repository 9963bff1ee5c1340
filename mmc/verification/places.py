"""What an input indexes: how far it may reach, and whether two of its entries may meet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from mmc.ir import Node, Value, attrs, constant, is_static, shape_of
from mmc.verification.casting import Array

ROWS = ("GatherND", "ScatterND")
NOTE = "mmc.places"
"""The property of an input that holds its places, as text."""

# Ops whose result holds the same numbers as their first input, perhaps in another order.
CARRIERS = frozenset(
    """Cast Identity Reshape Squeeze Unsqueeze Flatten Transpose Expand Tile Slice Split Clip Gather
    GatherElements Pad Dropout""".split()
)


@dataclass(frozen=True)
class Places:
    """The places that an input holds.

    Attributes:
        below: exclusive upper limit of every number.
        apart: entries that meet are undefined, as they say where to write.
        axis: apart are those along this axis only.
        extents: apart are rows, of one number below each extent.
    """

    below: int
    apart: bool = False
    axis: int | None = None
    extents: tuple[int, ...] = ()

    def to_text(self) -> str:
        """Return the places as a note."""
        return json.dumps(asdict(self))

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Draw numbers in range, apart if they have to be and there is room."""
        if self.extents:
            drawn = rows_apart(shape, self.extents, rng)
        elif self.axis is not None:
            drawn = lines_apart(shape, self.axis, self.below, rng)
        else:
            drawn = all_apart(shape, self.below, rng) if self.apart else None
        return rng.integers(0, self.below, shape) if drawn is None else drawn


def all_apart(shape: tuple[int, ...], below: int, rng: np.random.Generator) -> Array | None:
    """Draw numbers no two of which are equal, or return None where there is no room."""
    count = int(np.prod(shape))
    return rng.permutation(below)[:count].reshape(shape) if count <= below else None


def rows_apart(
    shape: tuple[int, ...], extents: tuple[int, ...], rng: np.random.Generator
) -> Array | None:
    """Draw rows no two of which are equal, or return None where there is no room."""
    rows, room = int(np.prod(shape[:-1])), int(np.prod(extents))
    if rows > room:
        return None
    drawn = rng.choice(room, rows, replace=False)
    return np.stack(np.unravel_index(drawn, extents), -1).reshape(shape)


def lines_apart(
    shape: tuple[int, ...], axis: int, below: int, rng: np.random.Generator
) -> Array | None:
    """Draw numbers no two of which are equal along an axis, or None where there is no room."""
    count = shape[axis]
    if count > below:
        return None
    others = shape[:axis] + shape[axis + 1 :]
    lines = rng.permuted(np.broadcast_to(np.arange(below), (*others, below)), axis=-1)
    return np.moveaxis(lines[..., :count], -1, axis)


def noted(value: Value) -> Places | None:
    """Return the places that were noted on an input."""
    text = value.metadata_props.get(NOTE)
    if text is None:
        return None
    fields = json.loads(text)
    return Places(**{**fields, "extents": tuple(fields["extents"])})


def places_of(value: Value) -> Places | None:
    """Return the places of an input by what the graph does with it; None if it indexes nothing."""
    limits = list(extents(value))
    if not limits:
        return None
    below = max(1, min(limits))
    for node, place in value.uses():
        if writes(node, place) and node.op_type == "ScatterND":
            return Places(below, True, None, indexed(node, shape_of(value)[-1]))
        if writes(node, place) and node.op_type == "ScatterElements":
            axis = int(attrs(node).get("axis", 0)) % len(shape_of(value))
            return Places(below, True, axis)
    return Places(below, is_destination(value))


def writes(node: Node, place: int) -> bool:
    """Say whether this input of the node says where to write, each place once at most."""
    op = node.op_type
    if place != 1 or op not in ("MaxUnpool", "ScatterElements", "ScatterND"):
        return False
    return op == "MaxUnpool" or attrs(node).get("reduction", "none") == "none"


def extents(
    value: Value, offset: int = 0, seen: set[tuple[Value, int]] | None = None
) -> Iterator[int]:
    """Yield an exclusive upper limit for every use of `value + offset` as an index."""
    seen = set() if seen is None else seen
    if (value, offset) in seen:
        return
    seen.add((value, offset))
    for node, place in value.uses():
        limit = index_limit(node, place)
        if limit is not None:
            yield limit - offset
        elif moves(node, place) and (added := shift(node, place)) is not None:
            yield from extents(node.outputs[0], offset + added, seen)
        elif carries(node, place):
            for output in node.outputs:
                yield from extents(output, offset, seen)


def index_limit(node: Node, place: int) -> int | None:
    """Return the extent that this input of the node indexes, or None if it is no index."""
    op = node.op_type
    if any(v is not None and not is_static(v) for v in (*node.inputs, *node.outputs)):
        return None
    if op in ("Gather", "GatherElements", "ScatterElements") and place == 1:
        return shape_of(node.inputs[0])[int(attrs(node)["axis"])]
    if op in ROWS and place == 1:
        return min(indexed(node, shape_of(node.inputs[1])[-1]), default=1)
    if op == "Concat":
        return column_limit(node, place)
    if op == "TensorScatter" and place == 2:
        axis = int(attrs(node)["axis"])
        return shape_of(node.inputs[0])[axis] - shape_of(node.inputs[1])[axis] + 1
    if op == "MaxUnpool" and place == 1:
        return int(np.prod(shape_of(node.outputs[0])))
    if op == "OneHot" and place == 0:
        depth = constant(node.inputs[1])
        return None if depth is None else int(depth.reshape(-1)[0])
    if op == "Equal":
        return one_hot_depth(constant(node.inputs[1 - place]))
    if op in ("LSTM", "GRU", "RNN") and place == 4:
        return shape_of(node.inputs[0])[0] + 1
    return None


def indexed(node: Node, columns: int) -> tuple[int, ...]:
    """Return the extents that the columns of a GatherND's or ScatterND's rows index."""
    start = int(attrs(node).get("batch_dims", 0))
    return shape_of(node.inputs[0])[start : start + columns]


def column_limit(node: Node, place: int) -> int | None:
    """Return the extent that columns index where a Concat makes rows, or None if it makes none."""
    users = [user for user, p in node.outputs[0].uses() if user.op_type in ROWS and p == 1]
    shapes = [shape_of(v) for v in node.inputs]
    if not users or int(attrs(node)["axis"]) % len(shapes[0]) != len(shapes[0]) - 1:
        return None
    start = sum(shape[-1] for shape in shapes[:place])
    stop = start + shapes[place][-1]
    return min((n for user in users for n in indexed(user, stop)[start:]), default=1)


def is_destination(value: Value, seen: set[Value] | None = None) -> bool:
    """Say whether a value says where to write."""
    seen = set() if seen is None else seen
    if value in seen:
        return False
    seen.add(value)
    return any(
        writes(node, place)
        or ((carries(node, place) or moves(node, place)) and is_destination(out, seen))
        for node, place in value.uses()
        for out in node.outputs
    )


def one_hot_depth(other: Array | None) -> int | None:
    """Return n where a value is compared with each of 0, 1, ... n - 1, else None."""
    if other is None or other.dtype.kind not in "iu" or other.size < 2:
        return None
    flat = other.reshape(-1)
    return flat.size if np.array_equal(flat, np.arange(flat.size)) else None


def moves(node: Node, place: int) -> bool:
    """Say whether the node adds a constant to this input."""
    return node.op_type in ("Add", "Sub") and shift(node, place) is not None


def shift(node: Node, place: int) -> int | None:
    """Return what the node adds at most to its input, or None if that is not a constant."""
    other = constant(node.inputs[1 - place])
    if other is None or not other.size or (node.op_type == "Sub" and place == 1):
        return None
    return int(other.max()) if node.op_type == "Add" else -int(other.min())


def carries(node: Node, place: int) -> bool:
    """Say whether the node's outputs hold the numbers of this input."""
    if node.op_type in ("Concat", "Min", "Max"):
        return True
    if node.op_type == "Where":
        return place > 0
    return place == 0 and node.op_type in CARRIERS
