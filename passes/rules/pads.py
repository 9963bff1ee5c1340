"""Pads become part of the convolution or pool that follows."""

from __future__ import annotations

import numpy as np

from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, operand, shape_of
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite

PAD = op.Pad("x", "pads", maybe("value"), maybe("axes")).named("pad")


def spatial_pads(pad: Node) -> tuple[list[int], float]:
    """Return begins and ends of a constant pad of the spatial axes, and its value; else refuse."""
    x, given = pad.inputs[0], constant(pad.inputs[1])
    if x is None or given is None or attrs(pad)["mode"] != "constant":
        raise NoMatch("it does not pad with a constant")
    rank = len(shape_of(x))
    axes = constant(operand(pad, 3))
    where = list(range(rank)) if axes is None else [int(a) % rank for a in axes]
    begins, ends = [0] * rank, [0] * rank
    for i, axis in enumerate(where):
        begins[axis], ends[axis] = int(given[i]), int(given[i + len(where)])
    if any(begins[:2] + ends[:2]) or min(begins + ends) < 0:
        raise NoMatch("it pads batch or channels, or crops")
    return begins[2:] + ends[2:], pad_value(pad)


def pad_value(pad: Node) -> float:
    """Return the constant that a Pad pads with."""
    value = operand(pad, 2)
    known: Array | None = constant(value)
    if value is not None and known is None:
        raise NoMatch("the padded value is computed")
    return 0.0 if known is None else float(known.item())


def merged(n: Node, pads: list[int]) -> list[int]:
    """Return the pads of `n` with `pads` added."""
    own = attrs(n).get("pads", (0,) * len(pads))
    if attrs(n)["auto_pad"] != "NOTSET":
        raise NoMatch("auto_pad depends on the padded size")
    return [a + b for a, b in zip(own, pads, strict=True)]


@rewrite(op.Conv(PAD, "w", maybe("b")).named("conv"))
def pad_conv(out: Builder, x: Value, w: Value, b: Value | None, pad: Node, conv: Node) -> Value:
    """conv(pad(x))  ->  conv(x, pads), for zeros."""
    pads, value = spatial_pads(pad)
    if value != 0:
        raise NoMatch("it does not pad with zeros")
    options = {k: v for k, v in attrs(conv).items() if k in conv.attributes}
    operands = [x, w] if b is None else [x, w, b]
    made: Value = out.node("Conv", operands, **(options | {"pads": merged(conv, pads)}))
    return made


@rewrite(op.AveragePool(PAD).named("pool"))
def pad_average_pool(out: Builder, x: Value, pad: Node, pool: Node) -> Value:
    """averagepool(pad(x))  ->  averagepool(x, pads, count_include_pad=1), for zeros."""
    pads, value = spatial_pads(pad)
    options = {k: v for k, v in attrs(pool).items() if k in pool.attributes}
    if value != 0:
        raise NoMatch("it does not pad with zeros")
    if any(options.get("pads", ())) and not options.get("count_include_pad"):
        raise NoMatch("the pool does not count its own pads")
    together = pooled(pool, pads)
    return out.AveragePool(x, **(options | {"pads": together, "count_include_pad": 1}))


@rewrite(op.MaxPool(PAD).named("pool"))
def pad_max_pool(out: Builder, x: Value, pad: Node, pool: Node) -> Value:
    """maxpool(pad(x))  ->  maxpool(x, pads), for the lowest number, or for zeros if x >= 0."""
    pads, value = spatial_pads(pad)
    lowest = float(np.finfo(dtype_of(x)).min) if dtype_of(x).kind == "f" else None
    if not (lowest is not None and value <= lowest) and not (value == 0 and not_negative(x)):
        raise NoMatch("the pad could be the maximum")
    if len(pool.outputs) > 1:
        raise NoMatch("it returns indices")
    options = {k: v for k, v in attrs(pool).items() if k in pool.attributes}
    return out.MaxPool(x, **(options | {"pads": pooled(pool, pads)}))


def pooled(pool: Node, pads: list[int]) -> list[int]:
    """Return the merged pads of a pool; ONNX wants them smaller than the window."""
    together, kernel = merged(pool, pads), attrs(pool)["kernel_shape"]
    if attrs(pool)["ceil_mode"]:
        raise NoMatch("ceil_mode counts the padded size")
    if any(p >= k for p, k in zip(together, [*kernel, *kernel], strict=True)):
        raise NoMatch("the pad is as large as the window")
    return together


POSITIVE = frozenset(
    {"Relu", "Sigmoid", "HardSigmoid", "Softmax", "Exp", "Abs", "Sqrt", "Softplus"}
)
MOVES = frozenset({"MaxPool", "Reshape", "Transpose", "Slice"})


def not_negative(x: Value) -> bool:
    """Say whether every element is certainly >= 0."""
    made = x.producer()
    if made is None or made.domain:
        return False
    if made.op_type == "Clip":
        low = constant(operand(made, 1))
        return low is not None and float(low.item()) >= 0
    if made.op_type in MOVES and made.inputs[0] is not None:
        return not_negative(made.inputs[0])
    return made.op_type in POSITIVE
