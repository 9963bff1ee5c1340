"""Pools over two spatial axes, channels last."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.lowerings.conv import activation_of
from mmc.backends.tflite.window import pad, place
from mmc.ir import Node, attrs, shape_of
from mmc.opset import DOMAIN
from mmc.window import Axis, axes_of


@lowers("MaxPool2d", domain=DOMAIN)
def max_pool2d(e: Emitter, n: Node) -> None:
    """MaxPool2d(x NHWC) -> MAX_POOL_2D; pads that are neither SAME nor VALID are -inf."""
    axes = axes_of(n, shape_of(n.inputs[0])[1:3], attrs(n)["kernel_shape"])
    if any(axis.dilation != 1 for axis in axes):
        raise Unsupported("MAX_POOL_2D has no dilations")
    source, padding = place(e, e.tensor(n.inputs[0]), axes, -np.inf)
    _pool(e, n, "MAX_POOL_2D", source, axes, padding)


@lowers("AveragePool2d", domain=DOMAIN)
def average_pool2d(e: Emitter, n: Node) -> None:
    """AveragePool2d(x NHWC) -> AVERAGE_POOL_2D; its SAME leaves the pads out of the mean."""
    axes = axes_of(n, shape_of(n.inputs[0])[1:3], attrs(n)["kernel_shape"])
    source, padding = e.tensor(n.inputs[0]), schema.Padding.VALID
    counted = attrs(n).get("count_include_pad", 0)
    if counted and not all(axis.is_valid for axis in axes):
        source = pad(e, source, [(0, 0), *((a.before, a.needed_after) for a in axes), (0, 0)])
    elif not all(axis.is_valid for axis in axes):
        if not all(axis.is_same for axis in axes):
            raise Unsupported("AVERAGE_POOL_2D cannot leave these pads out of the mean")
        padding = schema.Padding.SAME
    _pool(e, n, "AVERAGE_POOL_2D", source, axes, padding)


def _pool(e: Emitter, n: Node, code: str, source: int, axes: list[Axis], padding: int) -> None:
    options = schema.Pool2DOptionsT()
    options.padding = padding
    options.fusedActivationFunction = activation_of(e, n)
    options.filterHeight, options.filterWidth = axes[0].kernel, axes[1].kernel
    options.strideH, options.strideW = axes[0].stride, axes[1].stride
    e.op(code, [source], [e.tensor(n.outputs[0])], options)
