"""Draw test inputs that a model can digest: indices in range, masks with a tail, states at zero."""

from __future__ import annotations

import re

import numpy as np

from mmc.diagnostics import EmitError
from mmc.ir import Model, Value, dtype_of, is_static, shape_of
from mmc.verification.casting import Array
from mmc.verification.places import carries, noted, places_of

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
    if dtype.kind != "b" and (places := noted(value) or places_of(value)):
        return places.draw(shape, rng).astype(dtype)
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


def only_masks(value: Value) -> bool:
    """Say whether every use masks something, directly or after a change of type or shape."""
    uses = list(value.uses())
    return bool(uses) and all(
        node.op_type in MASKERS
        or (carries(node, place) and all(only_masks(out) for out in node.outputs))
        for node, place in uses
    )
