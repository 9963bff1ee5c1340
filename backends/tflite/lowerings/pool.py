"""Pools over two spatial axes, channels last."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.lowerings.conv import activation_of, fill_window
from mmc.backends.tflite.window import pad, place
from mmc.ir import Node, attrs, shape_of
from mmc.opset import DOMAIN
from mmc.window import Axis, axes_of, inside


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
    padded = not all(axis.is_valid for axis in axes)
    counted = attrs(n).get("count_include_pad", 0)
    if padded and not counted and not all(axis.is_same for axis in axes):
        raise Unsupported("AVERAGE_POOL_2D cannot leave these pads out of the mean")
    if padded and e.npu and e.program.tensors[source].dtype == "FLOAT32":
        _filtered(
            e, n, source, axes, [a.kernel / (a.kernel if counted else inside(a)) for a in axes]
        )
        return
    if padded and counted:
        source = pad(e, source, [(0, 0), *((a.before, a.needed_after) for a in axes), (0, 0)])
    elif padded:
        padding = schema.Padding.SAME
    _pool(e, n, "AVERAGE_POOL_2D", source, axes, padding)


def _filtered(e: Emitter, n: Node, source: int, axes: list[Axis], ratios: list[Any]) -> None:
    """Emit a mean with pads as a DEPTHWISE_CONV_2D, times `ratios` of each place if not 1.

    Hexagon's float AVERAGE_POOL_2D computes something else with SAME, and behind a PAD, which its
    compiler makes part of it (emulated: -2 dB of 3 x 3 windows on 20 x 20; that of codes is right).
    """
    channels, (high, wide) = e.shape(source)[-1], (a.kernel for a in axes)
    weight = np.full((1, high, wide, channels), 1 / (high * wide), np.float32)
    y, factors = e.tensor(n.outputs[0]), np.multiply.outer(*ratios)
    options = schema.DepthwiseConv2DOptionsT()
    options.depthMultiplier = 1
    x, padding = place(e, source, axes)
    fill_window(e, options, n, axes, padding)
    given = [x, e.constant(weight), e.constant(np.zeros(channels, np.float32))]
    if (factors == 1).all():
        e.op("DEPTHWISE_CONV_2D", given, [y], options)
        return
    times, mean = schema.MulOptionsT(), e.twin(source, e.shape(y))
    times.fusedActivationFunction, options.fusedActivationFunction = activation_of(e, n), 0
    e.op("DEPTHWISE_CONV_2D", given, [mean], options)
    e.op("MUL", [mean, e.constant(factors[None, :, :, None].astype(np.float32))], [y], times)


def _pool(e: Emitter, n: Node, code: str, source: int, axes: list[Axis], padding: int) -> None:
    options = schema.Pool2DOptionsT()
    options.padding = padding
    options.fusedActivationFunction = activation_of(e, n)
    options.filterHeight, options.filterWidth = axes[0].kernel, axes[1].kernel
    options.strideH, options.strideW = axes[0].stride, axes[1].stride
    e.op(code, [source], [e.tensor(n.outputs[0])], options)
