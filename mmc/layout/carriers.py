"""How an operator carries a layout: from one of its values to all the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmc.ir import Node, Value, attrs, constant, operand, shape_of
from mmc.layout.permutation import Perm, identity, inverse, permuted, through_reshape, without
from mmc.opset import DOMAIN, IMAGES, split_activation
from mmc.values import Array

ELEMENTWISE = frozenset(
    """Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr
    BitwiseXor Cast Ceil Celu Clip Cos Cosh Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual
    HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod
    Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus
    Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor""".split()
) | {"OnGrid", "Silu"}
TRANSPOSED_PRODUCTS = frozenset({"MatMulNT", "MatMulTN", "MatMulTT"})
REDUCTIONS = frozenset(
    """ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum ReduceSumSquare""".split()
)


@dataclass(frozen=True, slots=True)
class Sides:
    """The layout of every data operand and result of a node, by position.

    An operand of lower rank than its layout is broadcast: it is given leading axes of size 1 first.
    """

    inputs: dict[int, Perm]
    outputs: dict[int, Perm]


Carry = Callable[[Node, int, bool, Perm], Sides | None]
Operands = dict[int, Sequence[int] | Array]
Apply = Callable[[Node, Sides], Operands]


@dataclass(frozen=True)
class Carrier:
    """`carry` says what a layout at one place means for the others (None: the node cannot).

    `apply` changes the node's attributes for its new layout and returns the operands that take new
    values: integers (axes, pads, shapes), or the arrays of weights.
    """

    carry: Carry
    apply: Apply


def carrier_of(node: Node) -> Carrier | None:
    """Return the carrier of a node, or None when the operator is tied to its layout."""
    if node.op_type in ELEMENTWISE and node.domain in ("", "mmc"):
        return Carrier(_elementwise, _unchanged)
    if node.op_type in REDUCTIONS and node.domain == "":
        return Carrier(_reduce, _reduce_axes)
    if node.op_type in TRANSPOSED_PRODUCTS and node.domain == "mmc":
        return Carrier(_batches, _unchanged)
    return CARRIERS.get(node.op_type) if node.domain == "" else None


def is_channels_last(node: Node) -> bool:
    """Say whether a node is an operator of ours that takes images channels last, and only so."""
    return node.domain == DOMAIN and split_activation(node.op_type)[0] in IMAGES


def _unchanged(node: Node, sides: Sides) -> Operands:
    return {}


def _rank(value: Value | None) -> int:
    return len(shape_of(value))


def _data(node: Node) -> Iterator[tuple[int, Value]]:
    return ((i, v) for i, v in enumerate(node.inputs) if v is not None)


def _elementwise(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    """All operands of full rank and the result share one layout."""
    rank = _rank(node.outputs[0])
    if len(p) != rank:
        return None
    return Sides({i: p for i, v in _data(node) if _rank(v) > 0}, {0: p})


def _same(operands: Sequence[int] | None = None) -> Carry:
    """The data operands (default: all) and all results share one layout."""

    def carry(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
        chosen = [i for i, _ in _data(node)] if operands is None else operands
        values = [node.inputs[i] for i in chosen] + list(node.outputs)
        if any(_rank(v) != len(p) for v in values) or (is_input and position not in chosen):
            return None
        return Sides(dict.fromkeys(chosen, p), dict.fromkeys(range(len(node.outputs)), p))

    return carry


def _axis(node: Node, sides: Sides) -> Operands:
    """The attribute `axis` names the same axis where it is now."""
    p = next(iter(sides.inputs.values()))
    node.attributes.add(ir.AttrInt64("axis", p.index(attrs(node)["axis"] % len(p))))
    return {}


def _reduced(node: Node) -> list[int] | None:
    rank = _rank(node.inputs[0])
    axes = constant(operand(node, 1))
    if operand(node, 1) is not None and axes is None:
        return None
    if axes is None or not axes.size:
        return [] if attrs(node).get("noop_with_empty_axes") else list(range(rank))
    return [int(a) % rank for a in axes.reshape(-1)]


def _removing(node: Node, axes: list[int], keep: bool, is_input: bool, p: Perm) -> Sides | None:
    """Axes are removed from the operand; from the result alone their place is not known."""
    if keep:
        return Sides({0: p}, dict.fromkeys(range(len(node.outputs)), p))
    if not is_input:
        return None
    return Sides({0: p}, dict.fromkeys(range(len(node.outputs)), without(p, axes)))


def _reduce(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    axes = _reduced(node)
    if axes is None or (is_input and position != 0):
        return None
    return _removing(node, axes, bool(attrs(node)["keepdims"]), is_input, p)


def _reduce_axes(node: Node, sides: Sides) -> Operands:
    axes = _reduced(node)
    if len(node.inputs) < 2 or node.inputs[1] is None or not axes:
        return {}
    return {1: sorted(sides.inputs[0].index(a) for a in axes)}


def _arg(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    axis = attrs(node)["axis"] % _rank(node.inputs[0])
    return _removing(node, [axis], bool(attrs(node)["keepdims"]), is_input, p)


def _gather(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    """Indices of rank 1 keep the axis, a scalar index removes it; the indices keep their layout."""
    rank = _rank(node.inputs[1])
    if rank > 1 or (is_input and position != 0):
        return None
    return _removing(node, [attrs(node)["axis"] % _rank(node.inputs[0])], rank == 1, is_input, p)


def _slice(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    known = all(constant(v) is not None for v in node.inputs[1:] if v is not None)
    return _same((0,))(node, position, is_input, p) if known else None


def _slice_axes(node: Node, sides: Sides) -> Operands:
    starts = constant(node.inputs[1])
    assert starts is not None
    given = constant(operand(node, 3))
    p = sides.inputs[0]
    axes = range(len(starts)) if given is None else [int(a) % len(p) for a in given]
    return {3: [p.index(a) for a in axes]}


def _pad(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    return _slice(node, position, is_input, p)


def _pad_widths(node: Node, sides: Sides) -> Operands:
    """Write pads for all axes in the new order; the operand `axes` becomes the identity."""
    p = sides.inputs[0]
    pads = constant(node.inputs[1])
    assert pads is not None
    given = constant(operand(node, 3))
    axes = list(range(len(p))) if given is None else [int(a) % len(p) for a in given]
    begin, end = [0] * len(p), [0] * len(p)
    for k, axis in enumerate(axes):
        begin[p.index(axis)], end[p.index(axis)] = int(pads[k]), int(pads[len(axes) + k])
    changed: Operands = {1: begin + end}
    return changed if given is None else changed | {3: list(range(len(p)))}


def _tile(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    return _slice(node, position, is_input, p)


def _tile_repeats(node: Node, sides: Sides) -> Operands:
    """Tile's repeats and Expand's shape have one entry an axis."""
    entries = constant(node.inputs[1])
    assert entries is not None
    return {1: permuted([int(e) for e in entries], sides.inputs[0])}


def _expand_shape(node: Node, sides: Sides) -> Operands:
    return {1: permuted(shape_of(node.outputs[0]), sides.outputs[0])}


def _reshape(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    """A reshape carries a layout that keeps together what it merges or splits."""
    source, target = shape_of(node.inputs[0]), shape_of(node.outputs[0])
    if constant(node.inputs[1]) is None or 0 in source:
        return None
    if is_input:
        other = through_reshape(source, target, p)
        return None if other is None else Sides({0: p}, {0: other})
    other = through_reshape(target, source, p)
    return None if other is None else Sides({0: other}, {0: p})


def _reshape_shape(node: Node, sides: Sides) -> Operands:
    node.attributes.pop("allowzero", None)
    return {1: permuted(shape_of(node.outputs[0]), sides.outputs[0])}


def _last_axis(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    """The axis it works along is the last one and has to stay there."""
    last = len(p) - 1
    if attrs(node)["axis"] % len(p) != last or p[-1] != last:
        return None
    return _same((0,))(node, position, is_input, p)


def _matmul(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    """With one matrix of weights the leading axes are free; else only the batch axes are."""
    rank = _rank(node.outputs[0])
    a, b = node.inputs[0], node.inputs[1]
    if len(p) != rank or _rank(a) != rank:
        return None
    if _rank(b) == 2 and rank > 2:
        free = p[-1] == rank - 1 and not (is_input and position == 1)
        return Sides({0: p}, {0: p}) if free else None
    return _batches(node, position, is_input, p)


def _batches(node: Node, position: int, is_input: bool, p: Perm) -> Sides | None:
    """A product of two computed tensors works on the last two axes; the batch axes are free."""
    values = (node.inputs[0], node.inputs[1], node.outputs[0])
    if any(_rank(v) != len(p) for v in values) or p[-2:] != identity(len(p))[-2:]:
        return None
    return Sides({0: p, 1: p}, {0: p})


CARRIERS: dict[str, Carrier] = {
    "Concat": Carrier(_same(), _axis),
    "Split": Carrier(_same((0,)), _axis),
    "Softmax": Carrier(_last_axis, _axis),
    "LogSoftmax": Carrier(_last_axis, _axis),
    "GatherElements": Carrier(_same(), _axis),
    "Gather": Carrier(_gather, _axis),
    "ArgMax": Carrier(_arg, _axis),
    "ArgMin": Carrier(_arg, _axis),
    "Slice": Carrier(_slice, _slice_axes),
    "Pad": Carrier(_pad, _pad_widths),
    "Tile": Carrier(_tile, _tile_repeats),
    "Expand": Carrier(_slice, _expand_shape),
    "Reshape": Carrier(_reshape, _reshape_shape),
    "MatMul": Carrier(_matmul, _unchanged),
}


def transposed_by(node: Node) -> Perm | None:
    """Return the permutation of a Transpose node, None for any other."""
    if node.op_type != "Transpose" or node.domain:
        return None
    rank = _rank(node.inputs[0])
    return tuple(attrs(node).get("perm", identity(rank)[::-1]))


def through_transpose(q: Perm, p: Perm, is_input: bool) -> Perm:
    """Return the layout of the other side of y = transpose(x, q) that lies in memory as this one.

    x in layout p is y in layout q⁻¹[p]; y in layout p is x in layout q[p].
    """
    q = inverse(q) if is_input else q
    return tuple(q[axis] for axis in p)


def as_operand(values: Sequence[int] | Array) -> Array:
    """Return integers as ONNX takes them; arrays as they are."""
    return values if isinstance(values, np.ndarray) else np.array(values, np.int64)
