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

from mmc.cost.work import MULTIPLYING, STREAMING, Work, Workload

Array = npt.NDArray[np.float64]

COMPUTE = (*MULTIPLYING, *STREAMING, "stream")
"""Terms of computing: giga-multiplications for the first three, megabytes for the others; `stream`
is the megabytes that go in and out of a multiplying engine."""
TERMS = (*COMPUTE, "ops", "weights", "entry", "exit", "base")
"""All: thousands of operators, megabytes from memory; megabytes of the model's inputs and of its
outputs; the inference itself."""
OF_OPS = len(TERMS) - 3
"""The first terms are those of operators."""
SHARPNESS = 4.0
"""Of the corner of the roofline: compute and traffic overlap, but never wholly."""

TILE = 32  # channels, and positions, that a matrix engine takes at a time
FEW_CHANNELS, FEW = 4, 4  # an image's channels are packed, not padded to a tile


def padded(size: int, tile: int = TILE) -> int:
    """Return the size that an engine computes which works in tiles."""
    return -(-size // tile) * tile


def amounts(op: Work, vtcm_bytes: int) -> list[float]:
    """Return what one operator has of the terms of operators, in the order of TERMS."""
    found = dict.fromkeys(TERMS[:OF_OPS], 0.0)
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
        moved = op.engine == "concat" and op.number == "float"  # no scale to bring to another
        found["move" if moved else op.engine] = traffic / 1e6
    found["ops"] = 1e-3
    found["weights"] = (op.weights + max(0, traffic - vtcm_bytes)) / 1e6
    return list(found.values())


def amounts_of(ops: Iterable[Work], vtcm_bytes: int) -> Array:
    """Return (operators, terms of operators)."""
    return np.array([amounts(op, vtcm_bytes) for op in ops]).reshape(-1, OF_OPS)


def whole(work: Workload) -> Array:
    """Return what a program has of the terms that are not of operators."""
    return np.array([work.entry_bytes / 1e6, work.exit_bytes / 1e6, 1.0])


def parts(amount: Array, coefficients: Array) -> Array:
    """Return the milliseconds of each operator by term: (operators, terms of operators).

    Args:
        amount: (operators, terms of operators).
        coefficients: milliseconds per unit; (terms,) or a row for each operator.

    The parts of an operator add up to its time: of compute and traffic, the shorter one counts for
    little where the longer one hides it.
    """
    cost = amount * coefficients[..., :OF_OPS]
    compute, fetched = cost[:, : len(COMPUTE)].sum(axis=1), cost[:, -1]
    longest = np.maximum(np.maximum(compute, fetched), 1e-15)
    power = (compute / longest) ** SHARPNESS + (fetched / longest) ** SHARPNESS
    time = longest * power ** (1 / SHARPNESS)
    share = np.stack([compute, fetched]) / np.maximum(time, 1e-15)
    visible = share ** (SHARPNESS - 1)
    cost[:, : len(COMPUTE)] *= visible[0][:, None]
    cost[:, -1] *= visible[1]
    return np.asarray(cost, np.float64)
