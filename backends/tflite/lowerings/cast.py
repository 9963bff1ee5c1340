"""Changes of type, and what moves no data."""

from __future__ import annotations

from mmc.backends.tflite.emitter import NARROW, Emitter, cast_op, lowers
from mmc.ir import Node, Value, constant, dtype_of


@lowers("Cast", "CastLike")
def cast(e: Emitter, n: Node) -> None:
    """y = x in another type: floats are truncated, what is not 0 is true -> CAST, NOT_EQUAL.

    What does not fit the new type is undefined in ONNX; 64-bit types are 32-bit ones here.
    A float16 constant -> DEQUANTIZE, unless it is an output: LiteRT takes the result for a weight.
    """
    x, y = e.tensor(n.inputs[0]), n.outputs[0]
    before, after = (str(dtype_of(v)) for v in (n.inputs[0], y))
    half = constant(n.inputs[0]) if before == "float16" else None
    if half is not None and is_output(y):
        e.alias(y, e.constant(half.astype(after), y.name or ""))
    elif half is not None:
        e.op("DEQUANTIZE", [x], [e.tensor(y)])  # the form that kernels know of half weights
    elif NARROW.get(before, before) == NARROW.get(after, after):
        e.alias(y, x)
    else:
        cast_op(e, x, e.tensor(y))


@lowers("Identity")
def identity(e: Emitter, n: Node) -> None:
    """y = x, without an op."""
    e.alias(n.outputs[0], e.tensor(n.inputs[0]))


def is_output(value: Value) -> bool:
    """Say whether a value is an output of the model, as it is or by an Identity."""
    readers = [use.node for use in value.uses() if use.node.op_type == "Identity"]
    return value.is_graph_output() or any(is_output(reader.outputs[0]) for reader in readers)
