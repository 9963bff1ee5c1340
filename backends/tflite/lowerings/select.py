"""Choice by a condition."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute
from mmc.ir import Node


@lowers("Where")
def where(e: Emitter, n: Node) -> None:
    """y = a where c, else b; all three broadcast -> SELECT_V2."""
    inputs = [e.tensor(v) for v in n.inputs]
    options = schema.SelectV2OptionsT()
    compute(e, "SELECT_V2", inputs, e.tensor(n.outputs[0]), options, data=(1, 2))
