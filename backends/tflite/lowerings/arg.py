"""Positions of extrema."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute, convert, reshape
from mmc.ir import Node, attrs, shape_of

OPTIONS = {"ARG_MAX": schema.ArgMaxOptionsT, "ARG_MIN": schema.ArgMinOptionsT}


@lowers("ArgMax", "ArgMin")
def arg(e: Emitter, n: Node) -> None:
    """y = the first (or last) index of the extremum along `axis`.

    The last one is counted from the end of the reversed tensor: size - 1 - arg(reverse(x)).
    """
    given, shape = attrs(n), shape_of(n.inputs[0])
    axis = given["axis"] % max(len(shape), 1)
    x, y = e.tensor(n.inputs[0]), e.tensor(n.outputs[0])
    if e.program.tensors[x].dtype in ("INT16", "UINT16"):
        x = convert(e, x, "INT32")
    if e.program.tensors[x].dtype == "FLOAT16":
        x = convert(e, x, "FLOAT32")
    if given["select_last_index"]:
        found = e.new(shape, e.program.tensors[x].dtype.lower())
        where = e.constant(np.array([axis], np.int32))
        x = compute(e, "REVERSE_V2", [x, where], found, schema.ReverseV2OptionsT(), data=(0,))
    reduced = shape[:axis] + shape[axis + 1 :]
    target = y if reduced == e.shape(y) and not given["select_last_index"] else None
    index = search(e, n.op_type, x, axis, e.new(reduced, "int32") if target is None else target)
    if given["select_last_index"]:
        last = e.constant(np.array(shape[axis] - 1, np.int32))
        result = y if reduced == e.shape(y) else e.new(reduced, "int32")
        index = e.op("SUB", [last, index], [result], schema.SubOptionsT())
    if index != y:
        reshape(e, index, e.shape(y), y)


def search(e: Emitter, op_type: str, x: int, axis: int, result: int) -> int:
    """Emit ARG_MAX or ARG_MIN."""
    code = {"ArgMax": "ARG_MAX", "ArgMin": "ARG_MIN"}[op_type]
    options = OPTIONS[code]()
    options.outputType = schema.TensorType.INT32
    return compute(e, code, [x, e.constant(np.array(axis, np.int32))], result, options, data=(0,))
