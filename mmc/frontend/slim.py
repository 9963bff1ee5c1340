"""What many nodes have alike is held once, and nothing of the file that was read is held at all."""

from __future__ import annotations

from sys import intern

import numpy as np
import onnx_ir as ir

PLAIN = frozenset(
    getattr(ir.DataType, name)
    for name in "FLOAT FLOAT16 DOUBLE INT8 INT16 INT32 INT64 UINT8 UINT16 UINT32 BOOL".split()
)
"""Types of which an array says everything."""


def slim(model: ir.Model) -> None:
    """Give small constants arrays of their own, in shared shapes, and nodes shared names.

    A constant that is read from a message keeps the whole message in memory, with all its nodes.
    """
    shapes: dict[tuple[int, ...], ir.Shape] = {}
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if not isinstance(tensor, ir.TensorProtoTensor) or tensor.dtype not in PLAIN:
            continue
        array = np.array(tensor.numpy())
        shape = shapes.setdefault(array.shape, ir.Shape(array.shape, frozen=True))
        value.const_value = ir.Tensor(array, name=value.name, shape=shape)
        value.shape = shape
    for node in model.graph:
        node.op_type = intern(node.op_type)
