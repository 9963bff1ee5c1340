"""Which indices cannot be below zero: those that can are counted from the front, at some cost."""

from __future__ import annotations

from collections.abc import Sequence

from mmc.ir import Node, Value, attrs, constant

EVERY, FIRST, REST = slice(None), slice(1), slice(1, None)
NEVER = frozenset(
    {"ArgMax", "ArgMin", "NonZero", "Abs", "Size", "Shape"}
    | {"Relu", "Sqrt", "Exp", "Sigmoid", "HardSigmoid", "Softmax", "Softplus"}
)
IF_OPERANDS = {
    **dict.fromkeys(("Cast", "Identity", "Floor", "Ceil", "Round", "Trilu", "CumSum"), FIRST),
    **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Slice"), FIRST),
    **dict.fromkeys(("Split", "Expand", "Tile", "Gather", "GatherND", "GatherElements"), FIRST),
    **dict.fromkeys(("ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean", "ReduceProd"), FIRST),
    **dict.fromkeys(("Concat", "Add", "Mul", "Div", "Min", "Max", "Sum", "Mean", "Range"), EVERY),
    "Where": REST,
}
"""The operands of which none may be negative; then the result is not."""


def may_be_negative(value: Value | None, *, inputs: bool = True) -> bool:
    """Say whether an index may be below 0, as far as the ops that made it tell.

    What has been counted from the front is not: an index is at least minus the size.

    Args:
        inputs: whether the model's inputs may be.
    """
    waiting, seen = [value], set[Value]()
    while waiting:
        last = waiting.pop()
        if last is None or last in seen or _has_no_sign(last):
            continue
        seen.add(last)
        known, node = constant(last), last.producer()
        if known is not None:
            if (known < 0).any():
                return True
        elif node is None:
            if inputs or not last.is_graph_input():
                return True
        elif (operands := _deciding(node, last)) is None:
            return True
        else:
            waiting += operands
    return False


def _has_no_sign(value: Value) -> bool:
    return value.dtype is not None and value.dtype.numpy().kind in "ub"


def _is_float(value: Value) -> bool:
    """Say whether a square is not negative: that of an integer may be, where it overflows."""
    return value.dtype is not None and value.dtype.is_floating_point()


def _deciding(node: Node, result: Value) -> Sequence[Value | None] | None:
    """Return the operands of which none may be negative; None if they do not tell."""
    if node.op_type in NEVER or (node.op_type == "TopK" and result.index() == 1):
        return ()
    if node.op_type == "Mul" and node.inputs[0] is node.inputs[1] and _is_float(result):
        return ()
    if node.op_type == "Where" and _counts_from_front(node):
        return ()
    if node.op_type in ("Max", "Clip"):
        bounds = node.inputs if node.op_type == "Max" else node.inputs[1:2]
        if any(_is_bound(v) for v in bounds):
            return ()
    if node.op_type in ("Mod", "BitwiseAnd"):
        return node.inputs[:1] if attrs(node).get("fmod") else _least_sign(node)
    operands = IF_OPERANDS.get(node.op_type)
    return None if operands is None else node.inputs[operands]


def _least_sign(node: Node) -> Sequence[Value | None]:
    """Return the operand whose sign the result has: an integer Mod's divisor, a mask."""
    masks = [v for v in node.inputs if _is_bound(v)] if node.op_type == "BitwiseAnd" else []
    return masks[:1] or node.inputs[1:]


def _is_bound(value: Value | None) -> bool:
    known = constant(value)
    return known is not None and bool((known >= 0).all())


def _counts_from_front(where: Node) -> bool:
    """Say whether a node is where(i < 0, i + size, i)."""
    below, moved = (v.producer() if v is not None else None for v in where.inputs[:2])
    if below is None or moved is None or (below.op_type, moved.op_type) != ("Less", "Add"):
        return False
    zero, i = constant(below.inputs[1]), where.inputs[2]
    sizes = [v for v in moved.inputs if v is not i]
    return (
        below.inputs[0] is i
        and zero is not None
        and not zero.any()
        and len(sizes) == 1
        and _is_bound(sizes[0])
    )
