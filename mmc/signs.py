"""Which values cannot be below zero: indices that count from the end need care."""

from __future__ import annotations

from mmc.ir import Value, constant

NOT_NEGATIVE = frozenset({"ArgMax", "ArgMin", "TopK", "NonZero", "Abs", "Size", "Shape"})
KEEPS_SIGN = frozenset(
    {"Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Transpose", "Slice"}
    | {"Split", "Expand", "Tile", "Gather", "Concat"}
)


def may_be_negative(value: Value | None) -> bool:
    """Say whether a value may be below 0, as far as the ops that made it tell."""
    known = constant(value)
    if known is not None:
        return bool((known < 0).any())
    if value is None or (value.dtype is not None and value.dtype.numpy().kind in "ub"):
        return False
    node = value.producer()
    if node is None:
        return True
    if node.op_type in NOT_NEGATIVE:
        return node.op_type == "TopK" and value.index() == 0
    if node.op_type == "Max":
        return all(may_be_negative(v) for v in node.inputs)
    if node.op_type in ("Concat", "Where", "Add", "Mul", "Min"):
        return any(may_be_negative(v) for v in node.inputs[node.op_type == "Where" :])
    return node.op_type not in KEEPS_SIGN or may_be_negative(node.inputs[0])
