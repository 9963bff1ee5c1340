"""Matrix products of two computed operands; constants on the right became mmc.Linear."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.ir import Node, dtype_of, shape_of
from mmc.opset import DOMAIN

ADJOINT = {"MatMul": "", "MatMulTN": "x", "MatMulNT": "y", "MatMulTT": "xy"}


@lowers("MatMul")
def matmul(e: Emitter, n: Node) -> None:
    """y = a b over the last two axes, the others broadcast -> BATCH_MATMUL."""
    batch_matmul(e, n)


@lowers("MatMulTN", "MatMulNT", "MatMulTT", domain=DOMAIN)
def batch_matmul(e: Emitter, n: Node) -> None:
    """y = op(a) op(b), op being the transpose where the name says T -> BATCH_MATMUL."""
    a, b = (shape_of(v) for v in n.inputs)
    if min(len(a), len(b)) < 2 or max(len(a), len(b)) > 5:
        raise Unsupported(f"BATCH_MATMUL of shapes {a} and {b}: ranks 2 to 5 only")
    if dtype_of(n.inputs[0]).kind != "f":
        raise Unsupported(f"BATCH_MATMUL of {dtype_of(n.inputs[0])}", fix="cast to float first")
    options = schema.BatchMatMulOptionsT()
    options.adjX, options.adjY = "x" in ADJOINT[n.op_type], "y" in ADJOINT[n.op_type]
    e.op("BATCH_MATMUL", [e.tensor(v) for v in n.inputs], [e.tensor(n.outputs[0])], options)
