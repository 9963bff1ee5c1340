"""Resizing over height and width, channels last, where the kernel does exactly what ONNX says."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.ir import Node, attrs, shape_of
from mmc.opset import DOMAIN
from mmc.resampling import Resampling, native_flags


@lowers("Resize2d", domain=DOMAIN)
def resize2d(e: Emitter, n: Node) -> None:
    """Resize2d(x NHWC, sizes) -> RESIZE_NEAREST_NEIGHBOR or RESIZE_BILINEAR."""
    a, x, y = attrs(n), shape_of(n.inputs[0]), shape_of(n.outputs[0])
    mode = a.get("mode", "nearest")
    axes = [
        Resampling(
            before,
            after,
            after / before,
            mode,
            a.get("coordinate_transformation_mode", "half_pixel"),
            a.get("nearest_mode", "round_prefer_floor"),
        )
        for before, after in zip(x[1:3], y[1:3], strict=True)
    ]
    flags = native_flags(axes)
    if flags is None:
        raise Unsupported(f"the resize kernels have no {mode} with these coordinates")
    bilinear = mode == "linear"
    options = (
        schema.ResizeBilinearOptionsT() if bilinear else schema.ResizeNearestNeighborOptionsT()
    )
    for name, flag in flags.items():
        setattr(options, name, flag)
    code = "RESIZE_BILINEAR" if bilinear else "RESIZE_NEAREST_NEIGHBOR"
    size = e.constant(np.array(y[1:3], np.int32))
    e.op(code, [e.tensor(n.inputs[0]), size], [e.tensor(n.outputs[0])], options, version=3)
