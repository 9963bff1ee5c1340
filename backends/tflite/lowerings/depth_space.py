"""Blocks of pixels to channels and back, channels last."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.kernels import compute
from mmc.ir import Node, attrs
from mmc.opset import DOMAIN

KERNELS = {
    "DepthToSpace": ("DEPTH_TO_SPACE", schema.DepthToSpaceOptionsT),
    "SpaceToDepth": ("SPACE_TO_DEPTH", schema.SpaceToDepthOptionsT),
}


@lowers(*KERNELS, domain=DOMAIN)
def depth_space(e: Emitter, n: Node) -> None:
    """Channels count as (row, column, c) in both: ONNX's DCR order."""
    code, make = KERNELS[n.op_type]
    options = make()
    options.blockSize = attrs(n)["blocksize"]
    compute(e, code, [e.tensor(n.inputs[0])], e.tensor(n.outputs[0]), options)
