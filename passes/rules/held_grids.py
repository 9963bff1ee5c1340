"""Activations of models that arrive quantized, as operators on floats that round (stage `hold`).

A scale lies between a float and its codes. Held as one operator on floats, transposes and reshapes
move through it, and what computes on codes computes on floats between two of them. The codes come
back in `adopt-grids`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmc.integers.grids import affine_of, is_grid
from mmc.ir import Array, Node, Value, attrs, constant, dtype_of, operand, own_attrs, shape_of
from mmc.passes.rules.quantized import CONV, LIMITS, along
from mmc.pattern import Builder, NoMatch, maybe, mmc_op, op, rewrite
from mmc.quant.ranges import Affine

LEAST = float(np.finfo(np.float32).tiny)
"""Smaller scales have an infinite inverse, and end LiteRT's process as infinite ones do."""
MOVES = (
    "DepthToSpace",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "MaxPool",
    "Reshape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
)
"""Operators that hand on some of what their first input holds, unchanged."""


@rewrite(op.DequantizeLinear("q", "scale", maybe("zero")).named("n"), stage="hold")
def pair_on_grid(out: Builder, q: Value, n: Node) -> Value:
    """dequantize(quantize(x))  ->  x on the grid of the codes, which are int8 or int16 here.

    16-bit codes that begin at 0 are behind a Relu: kernels have no such codes.
    """
    maker = quantizer(q)
    found = codes_of(maker)
    if found != codes_of(n):
        raise NoMatch("it reads codes in another scale than they were made in")
    x = maker.inputs[0]
    assert x is not None
    return on_grid(out, out.Relu(x) if found.bits == 16 and found.zero == found.low else x, found)


@rewrite(mmc_op.OnGrid("x", "step", "zero", "scale").named("n"), stage="hold")
def grid_of_no_codes(out: Builder, x: Value, n: Node) -> Value:
    """x on a grid, in another scale  ->  dequantize(quantize(x)); a model may bring it."""
    if affine_of(n) is not None:
        raise NoMatch("it has codes")
    _, step, zero, scale = n.inputs
    made: Value = out.DequantizeLinear(out.QuantizeLinear(x, step, zero), scale, zero)
    return made


@rewrite(op.QuantizeLinear("x", "scale", maybe("zero")).named("n"), stage="hold")
def codes_from_grid(out: Builder, x: Value, n: Node) -> Value:
    """codes(x)  ->  codes(x on their grid), where the codes leave the model."""
    if not n.outputs[0].is_graph_output() or is_grid(x.producer()):
        raise NoMatch("its codes stay in the model, or it reads a grid")
    inputs = [on_grid(out, x, codes_of(n)), *n.inputs[1:]]
    made: Value = out.node("QuantizeLinear", inputs, **own_attrs(n))
    return made


@rewrite(op.DequantizeLinear("q", "scale", maybe("zero")).named("n"), stage="hold")
def grid_from_codes(out: Builder, q: Value, n: Node) -> Value:
    """floats(q)  ->  floats(q) on the grid of the codes, where these come from outside."""
    outside = q.producer() is None and q.const_value is None
    if not outside or any(is_grid(use.node) for use in n.outputs[0].uses()):
        raise NoMatch("its codes are made here, or it is on a grid")
    return on_grid(out, out.node("DequantizeLinear", [*n.inputs]), codes_of(n))


@rewrite(op[MOVES]("q", ...).named("n"), stage="hold")
def moved_codes(out: Builder, q: Value, n: Node) -> Any:
    """move(codes)  ->  codes(move(floats)): it hands on what it reads."""
    maker = quantizer(q)
    codes_of(maker)
    given = maker.inputs[1:]
    x = out.node("DequantizeLinear", [q, *given])
    if n.op_type == "MaxPool" and len(n.outputs) > 1:
        raise NoMatch("it gives places too")
    count = len(n.outputs)
    made = out.node(n.op_type, [x, *n.inputs[1:]], outputs=count, **own_attrs(n))
    floats = made if isinstance(made, tuple) else (made,)
    return tuple(out.node("QuantizeLinear", [y, *given], **own_attrs(maker)) for y in floats)


@rewrite(
    op.QLinearConv("x", "sx", "zx", "w", "sw", "zw", "sy", "zy", maybe("b")).named("n"),
    stage="hold",
)
def q_linear_conv_of_floats(out: Builder, n: Node) -> Value:
    """qconv(x, w, b)  ->  codes(conv(floats(x), floats(w), b sx sw))."""
    x, sx, zx, w, sw, zw, sy, zy = n.inputs[:8]
    scales = [known(sx), known(sw)]
    given = {k: v for k, v in attrs(n).items() if k in CONV}
    weight = out.node("DequantizeLinear", [w, sw, zw], axis=0)
    inputs: list[Any] = [out.node("DequantizeLinear", [x, sx, zx]), weight]
    if operand(n, 8) is not None:
        bias = known(n.inputs[8]).astype(np.float32)
        inputs.append((bias * (scales[0].reshape(-1)[:1] * scales[1])).astype(np.float32))
    return out.node("QuantizeLinear", [out.node("Conv", inputs, **given), sy, zy])


@rewrite(op.QLinearMatMul("a", "sa", "za", "b", "sb", "zb", "sy", "zy").named("n"), stage="hold")
def q_linear_matmul_of_floats(out: Builder, n: Node) -> Value:
    """qmatmul(a, b)  ->  codes(floats(a) floats(b))."""
    a, sa, za, b, sb, zb, sy, zy = n.inputs
    assert a is not None
    assert sa is not None
    assert b is not None
    assert sb is not None
    if along(sa, a, 0) != () or along(sb, b, -1) is None:
        raise NoMatch("it has a scale a row, or a matrix")
    left = out.node("DequantizeLinear", [a, sa, za])
    right = out.node("DequantizeLinear", [b, sb, zb], axis=len(shape_of(b)) - 1)
    return out.node("QuantizeLinear", [out.MatMul(left, right), sy, zy])


def quantizer(q: Value) -> Node:
    """Return the node that makes codes."""
    maker = q.producer()
    if maker is None or maker.op_type != "QuantizeLinear" or constant(maker.inputs[0]) is not None:
        raise NoMatch("no QuantizeLinear of computed floats makes its codes")
    return maker


def codes_of(node: Node) -> Affine:
    """Return what the codes of a node stand for; their zero point is as of signed ones."""
    makes = node.op_type == "QuantizeLinear"
    coded, floats = (node.outputs[0], node.inputs[0])[:: 1 if makes else -1]
    kind = dtype_of(coded)
    if kind.name not in LIMITS or dtype_of(floats) != np.float32:
        raise NoMatch("its codes have not 8 or 16 bits, or its floats not 32")
    scale = known(node.inputs[1])
    given = operand(node, 2)
    zero = np.zeros(1) if given is None else known(given)
    if scale.size != 1 or zero.size != 1 or not LEAST <= scale.item() < np.inf:
        raise NoMatch("it has not one scale above 0")
    bits = 8 * kind.itemsize
    shift = LIMITS[kind.name][0] + (1 << (bits - 1))
    return Affine(bits, float(scale.item()), int(zero.item()) - shift)


def known(value: Value | None) -> Array:
    """Return a constant."""
    found = constant(value)
    if found is None:
        raise NoMatch("its scale, zero point or bias is computed")
    return found


def on_grid(out: Builder, x: Value, q: Affine) -> Value:
    """Return x rounded to a grid."""
    step, kind = np.float32(q.scale), np.int8 if q.bits == 8 else np.int16
    made: Value = out.mmc.OnGrid(x, np.asarray(step), np.asarray(q.zero, kind), np.asarray(step))
    return made
