"""The time of operators: a roofline of what they compute and what they fetch, plus overheads.

time(op)  = roofline(compute, fetched) + ops
compute   = sum of the terms of its engine, each an amount times the device's coefficient
fetched   = bytes of weights, and of activations that do not fit on chip
time      = sum over operators + base
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from mmc.cost.work import MULTIPLYING, STREAMING, Work

Array = npt.NDArray[np.float64]

COMPUTE = (*MULTIPLYING, *STREAMING, "stream")
"""Terms of computing: giga-multiplications for the first three, megabytes for the others; `stream`
is the megabytes that go in and out of a multiplying engine."""
TERMS = (*COMPUTE, "ops", "weights", "base")
"""All: thousands of operators, megabytes from memory, and the inference itself."""
SHARPNESS = 4.0
"""Of the corner of the roofline: compute and traffic overlap, but never wholly."""

TILE = 32  # channels, and positions, that a matrix engine takes at a time
FEW_CHANNELS, FEW = 4, 4  # an image's channels are packed, not padded to a tile


def padded(size: int, tile: int = TILE) -> int:
    """Return the size that an engine computes which works in tiles."""
    return -(-size // tile) * tile


def amounts(op: Work, vtcm_bytes: int) -> list[float]:
    """Return what one operator has of every term but `base`, in the order of TERMS."""
    found = dict.fromkeys(TERMS[:-1], 0.0)
    traffic, size = op.read + op.written, op.sizes
    if op.engine == "depthwise":
        found["depthwise"] = size.rows * size.taps * padded(size.groups) / 1e9
    elif op.engine in MULTIPLYING:
        packed = size.inner <= FEW_CHANNELS and size.taps > 1
        inner = FEW if packed else padded(size.inner)
        tiles = padded(size.rows) * inner * padded(size.columns)
        found[op.engine] = tiles * size.taps * size.groups / 1e9
    if op.engine in MULTIPLYING:
        found["stream"] = traffic / 1e6
    elif op.engine == "function":
        found["function"] = op.written / 1e6
    else:
        found[op.engine] = traffic / 1e6
    found["ops"] = 1e-3
    found["weights"] = (op.weights + max(0, traffic - vtcm_bytes)) / 1e6
    return list(found.values())


def amounts_of(ops: Iterable[Work], vtcm_bytes: int) -> Array:
    """Return (operators, terms but base)."""
    return np.array([amounts(op, vtcm_bytes) for op in ops]).reshape(-1, len(TERMS) - 1)


def parts(amount: Array, coefficients: Array) -> Array:
    """Return the milliseconds of each operator by term: (operators, terms but base).

    Args:
        amount: (operators, terms but base).
        coefficients: milliseconds per unit; (terms,) or a row for each operator.

    The parts of an operator add up to its time: of compute and traffic, the shorter one counts for
    little where the longer one hides it.
    """
    cost = amount * coefficients[..., :-1]
    compute, fetched = cost[:, : len(COMPUTE)].sum(axis=1), cost[:, -1]
    longest = np.maximum(np.maximum(compute, fetched), 1e-15)
    power = (compute / longest) ** SHARPNESS + (fetched / longest) ** SHARPNESS
    time = longest * power ** (1 / SHARPNESS)
    share = np.stack([compute, fetched]) / np.maximum(time, 1e-15)
    visible = share ** (SHARPNESS - 1)
    cost[:, : len(COMPUTE)] *= visible[0][:, None]
    cost[:, -1] *= visible[1]
    return np.asarray(cost, np.float64)
