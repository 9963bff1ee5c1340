"""Draw test inputs that a model can digest: indices in range, masks with a tail, states at zero."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from mmc.diagnostics import EmitError
from mmc.ir import Model, Node, Value, attrs, constant, dtype_of, is_static, shape_of
from mmc.verification.casting import Array

# Ops whose result holds the same numbers as their first input, perhaps in another order.
CARRIERS = frozenset(
    """Cast Identity Reshape Squeeze Unsqueeze Flatten Transpose Expand Tile Slice Split Clip Gather
    GatherElements Pad Dropout""".split()
)
MASKERS = frozenset(
    "Sub Mul Where Not And Or Equal Greater GreaterOrEqual Less LessOrEqual Attention".split()
)
STATE = re.compile(r"state(?!s)|cache|hidden(?!_?states)|past", re.IGNORECASE)
TAIL = 4  # a mask hides one position in four


def draw_inputs(model: Model, seed: int) -> dict[str, Array]:
    """Return feeds for every input: drawn by what the graph does with it, then by its name.

    What indexes stays below the extent that it indexes; masks are ones with trailing zeros; other
    integers are 0 or 1 (bytes: 0..255); states and caches are 0; floats are N(0, 1).

    Raises:
        EmitError: MMC403 if an input has no static shape, or is no number.
    """
    rng = np.random.default_rng(seed)
    initializers = model.graph.initializers
    return {
        str(value.name): draw(value, rng)
        for value in model.graph.inputs
        if value.name not in initializers
    }


def draw(value: Value, rng: np.random.Generator) -> Array:
    """Return one input."""
    name, shape, dtype = str(value.name), *described(value)
    limits = [] if dtype.kind == "b" else list(extents(value))
    if limits:
        limit = max(1, min(limits))
        if is_destination(value) and np.prod(shape) <= limit:
            return rng.permutation(limit)[: int(np.prod(shape))].reshape(shape).astype(dtype)
        return rng.integers(0, limit, shape).astype(dtype)
    if dtype.kind in "fV":
        if "mask" in name.lower():
            return mask(shape).astype(dtype)
        zero = STATE.search(name) is not None
        return (np.zeros(shape) if zero else rng.standard_normal(shape)).astype(dtype)
    if STATE.search(name):
        return np.zeros(shape, dtype)
    if "mask" in name.lower() or (len(shape) > 1 and only_masks(value)):
        return mask(shape).astype(dtype)
    return rng.integers(0, 256 if dtype == np.uint8 else 2, shape).astype(dtype)


def described(value: Value) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Return shape and type; raises EmitError where there is nothing to draw."""
    if not is_static(value):
        raise EmitError("MMC403", f"input {value.name!r}", "has no static shape")
    dtype = dtype_of(value)
    if dtype.kind not in "biufV":
        raise EmitError("MMC403", f"input {value.name!r}", f"cannot draw values of type {dtype}")
    return shape_of(value), dtype


def mask(shape: tuple[int, ...]) -> Array:
    """Return ones with zeros at the end of the last axis; a short mask hides nothing."""
    ones = np.ones(shape)
    if shape and shape[-1] >= TAIL:
        ones[..., -(shape[-1] // TAIL) :] = 0
    return ones


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
        elif node.op_type in ("Add", "Sub") and (added := shift(node, place)) is not None:
            yield from extents(node.outputs[0], offset + added, seen)
        elif carries(node, place):
            for output in node.outputs:
                yield from extents(output, offset, seen)


def index_limit(node: Node, place: int) -> int | None:
    """Return the extent that this input of the node indexes, or None if it is no index."""
    op = node.op_type
    if op in ("Gather", "GatherElements", "ScatterElements") and place == 1:
        return shape_of(node.inputs[0])[int(attrs(node)["axis"])]
    if op in ("GatherND", "ScatterND") and place == 1:
        return min(shape_of(node.inputs[0])[int(attrs(node).get("batch_dims", 0)) :], default=1)
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


def is_destination(value: Value) -> bool:
    """Say whether a value says where to write, where two entries that meet are undefined."""
    return any(node.op_type == "MaxUnpool" and place == 1 for node, place in value.uses())


def one_hot_depth(other: Array | None) -> int | None:
    """Return n where a value is compared with each of 0, 1, ... n - 1, else None."""
    if other is None or other.dtype.kind not in "iu" or other.size < 2:
        return None
    flat = other.reshape(-1)
    return flat.size if np.array_equal(flat, np.arange(flat.size)) else None


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


def only_masks(value: Value) -> bool:
    """Say whether every use masks something, directly or after a change of type or shape."""
    uses = list(value.uses())
    return bool(uses) and all(
        node.op_type in MASKERS
        or (carries(node, place) and all(only_masks(out) for out in node.outputs))
        for node, place in uses
    )
