"""Padding, and cropping by negative pads."""

from __future__ import annotations

import numpy as np

from mmc.backends.coreml.arithmetic import constant_number
from mmc.backends.coreml.emitter import Emitter, lowers
from mmc.backends.coreml.lowerings.gather import gathered
from mmc.backends.coreml.lowerings.slice import part
from mmc.backends.coreml.program import Var
from mmc.backends.lowering import Unsupported, known
from mmc.ir import Array, Node, attrs

NATIVE = {"edge": "replicate", "reflect": "reflect"}


@lowers("Pad")
def pad(e: Emitter, n: Node) -> None:
    """y = x with `pads` added at the borders: constant -> pad; others axis by axis."""
    x, mode = e.var(n.inputs[0]), attrs(n)["mode"]
    given, axes = known(n, 1), known(n, 3)
    if given is None:
        raise Unsupported("Pad by computed numbers")
    where = range(len(x.shape)) if axes is None else [a % len(x.shape) for a in axes]
    pads = [(0, 0)] * len(x.shape)
    for i, axis in enumerate(where):
        pads[axis] = given[i], given[len(given) // 2 + i]
    x = cropped(e, x, pads)
    pads = [(max(b, 0), max(a, 0)) for b, a in pads]
    if not any(map(any, pads)):
        y = x
    elif mode == "constant":
        fill = constant_number(n, 2)
        y = filled(e, x, pads, 0 if fill is None else fill)
    else:
        y = mirrored(e, x, pads, mode)
    e.set(n.outputs[0], y)


def cropped(e: Emitter, x: Var, pads: list[tuple[int, int]]) -> Var:
    """Emit a slice for the negative pads."""
    begins = [max(-b, 0) for b, _ in pads]
    ends = [d - max(-a, 0) for d, (_, a) in zip(x.shape, pads, strict=True)]
    shape = [end - begin for begin, end in zip(begins, ends, strict=True)]
    return x if tuple(shape) == x.shape else part(e, x, begins, shape)


def filled(e: Emitter, x: Var, pads: list[tuple[int, int]], fill: float) -> Var:
    """Emit pad with one number; integers, which pad does not take, are joined with constants."""
    if x.dtype == e.float:
        shape = [d + b + a for d, (b, a) in zip(x.shape, pads, strict=True)]
        flat = [p for pair in pads for p in pair]
        number = np.float32(fill)
        return e.op("pad", shape, x.dtype, x=x, pad=flat, mode="constant", constant_val=number)
    kind = bool if x.dtype == "bool" else np.int32
    for axis, (before, after) in enumerate(pads):
        sides = [
            e.lift(np.full([size if a == axis else d for a, d in enumerate(x.shape)], fill, kind))
            for size in (before, after)
        ]
        parts = [*sides[: before > 0], x, *sides[2 - (after > 0) :]]
        if len(parts) > 1:
            x = joined(e, parts, axis)
    return x


def joined(e: Emitter, parts: list[Var], axis: int) -> Var:
    """Emit concat."""
    size = sum(p.shape[axis] for p in parts)
    shape = [size if a == axis else d for a, d in enumerate(parts[0].shape)]
    return e.op("concat", shape, parts[0].dtype, values=parts, axis=axis, interleave=False)


def mirrored(e: Emitter, x: Var, pads: list[tuple[int, int]], mode: str) -> Var:
    """Emit pad for the last two axes where it has the mode, else gathers of constant places."""
    rank = len(x.shape)
    inner = all(not any(p) for p in pads[: max(rank - 2, 0)])
    short = all(max(p) < d for p, d in zip(pads, x.shape, strict=True))
    if mode in NATIVE and inner and x.dtype == e.float and (short or mode == "edge"):
        shape = [d + b + a for d, (b, a) in zip(x.shape, pads, strict=True)]
        flat = [p for pair in pads[-2:] for p in pair]
        zero = np.float32(0)
        return e.op("pad", shape, x.dtype, x=x, pad=flat, mode=NATIVE[mode], constant_val=zero)
    for axis, (before, after) in enumerate(pads):
        if before or after:
            x = taken(e, x, places(x.shape[axis], before, after, mode), axis)
    return x


def places(size: int, before: int, after: int, mode: str) -> Array:
    """Return which element stands at each place of the padded axis."""
    return np.pad(np.arange(size, dtype=np.int32), (before, after), mode=mode)  # type: ignore[call-overload,no-any-return]


def taken(e: Emitter, x: Var, indices: Array, axis: int) -> Var:
    """Emit gather at constant places."""
    return gathered(e, x, e.lift(indices), axis)
