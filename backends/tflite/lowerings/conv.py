"""Convolutions: the mmc channels-last operators, whose weights are laid out as TFLite has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.backends.tflite.program import Quantization, Tensor
from mmc.backends.tflite.window import ACTIVATION, place, widened, wider
from mmc.ir import Array, Node, attrs, constant, dtype_of, operand, shape_of
from mmc.opset import DOMAIN, split_activation
from mmc.window import Axis, axes_of

SATURATED = {"Relu6": (6.0, "Relu"), "ReluN1To1": (1.0, "")}
"""Activation -> the upper end of its values, and what is left of it where the codes end there."""


def activation_of(e: Emitter, node: Node) -> int:
    """Return the schema's code of the node's fused activation.

    RELU6 is RELU, and a clip to [-1, 1] is none, where 16-bit codes end there anyway: no NPU kernel
    has them in 16 bits.
    """
    activation = split_activation(node.op_type)[1]
    tensor = e.program.tensors[e.tensor(node.outputs[0])]
    if tensor.dtype == "INT16" and activation in SATURATED:
        assert tensor.quantization is not None
        limit, left = SATURATED[activation]
        if float(tensor.quantization.scale[0]) * 32767 <= limit * (1 + 1e-6):
            activation = left
    return ACTIVATION[activation]


def inputs_of(e: Emitter, node: Node, x: int) -> list[int]:
    """Return x, weights and bias: the kernels of CONV_2D and DEPTHWISE_CONV_2D demand one."""
    result = shape_of(node.outputs[0])
    bias = operand(node, 2)
    if e.integer:
        return [x, (w := e.tensor(node.inputs[1])), coded_bias(e, constant(bias), x, w, result[-1])]
    zero = np.zeros(result[-1], dtype_of(node.outputs[0]))
    return [x, e.tensor(node.inputs[1]), e.constant(zero) if bias is None else e.tensor(bias)]


def coded_bias(e: Emitter, bias: Array | None, x: int, w: int, width: int) -> int:
    """Return the bias in units of the products of codes, 32 bits wide, 64 for int16 activations.

    Raises:
        Unsupported: when an entry does not fit.
    """
    source, weight = e.program.tensors[x], e.program.tensors[w]
    assert source.quantization is not None
    assert weight.quantization is not None
    scale = source.quantization.scale.astype(np.float64) * weight.quantization.scale
    values = np.zeros(width) if bias is None else bias.reshape(-1).astype(np.float64)
    codes = np.rint(values / scale)
    wide = source.dtype == "INT16"
    if np.abs(codes).max(initial=0) >= 2.0 ** (62 if wide else 31):
        raise Unsupported("a bias is too large for its layer's scales", "keep this layer float")
    kind = np.int64 if wide else np.int32
    zero = np.zeros(scale.size, np.int64)
    quantization = Quantization(scale.astype(np.float32), zero)
    dtype = "INT64" if wide else "INT32"
    return e.add(Tensor("", (width,), dtype, codes.astype(kind), quantization))


def fill_window(e: Emitter, options: Any, node: Node, axes: list[Axis], padding: int) -> None:
    """Set what the options of all convolutions share; `axes` are (..., H, W)."""
    options.padding = padding
    options.fusedActivationFunction = activation_of(e, node)
    options.strideH, options.strideW = axes[-2].stride, axes[-1].stride
    options.dilationHFactor, options.dilationWFactor = axes[-2].dilation, axes[-1].dilation


@lowers("Conv2d", domain=DOMAIN)
def conv2d(e: Emitter, n: Node) -> None:
    """Conv2d(x NHWC, w OHWI, b) -> CONV_2D; groups are read off w's channels by the kernel."""
    x, w = shape_of(n.inputs[0]), shape_of(n.inputs[1])
    first, weight = (e.tensor(v) for v in n.inputs[:2])
    axes = wider(e, first, weight, axes_of(n, x[1:3], w[1:3]))
    source, padding = place(e, first, axes)
    options = schema.Conv2DOptionsT()
    fill_window(e, options, n, axes, padding)
    _, weight, bias = inputs_of(e, n, source)
    given = [source, widened(e, weight, axes), bias]
    e.op("CONV_2D", given, [e.tensor(n.outputs[0])], options)


@lowers("DepthwiseConv2d", domain=DOMAIN)
def depthwise_conv2d(e: Emitter, n: Node) -> None:
    """DepthwiseConv2d(x NHWC, w (1, H, W, C * multiplier), b) -> DEPTHWISE_CONV_2D."""
    x, w = shape_of(n.inputs[0]), shape_of(n.inputs[1])
    first, weights = (e.tensor(v) for v in n.inputs[:2])
    axes = axes_of(n, x[1:3], w[1:3])
    given, weight = (e.program.tensors[i] for i in (first, weights))
    strided_dilation = any(a.stride > 1 for a in axes) and any(a.dilation > 1 for a in axes)
    apart = e.npu and strided_dilation and given.dtype == "FLOAT32" and weight.data is not None
    if apart or given.dtype == "INT16":
        axes = wider(e, first, weights, axes)
        _grouped(e, n, *place(e, first, axes), axes)
        return
    source, padding = place(e, first, axes)
    options = schema.DepthwiseConv2DOptionsT()
    options.depthMultiplier = w[3] // x[3]
    fill_window(e, options, n, axes, padding)
    e.op("DEPTHWISE_CONV_2D", inputs_of(e, n, source), [e.tensor(n.outputs[0])], options)


def _grouped(e: Emitter, n: Node, source: int, padding: int, axes: list[Axis]) -> None:
    """Emit CONV_2D of one channel a group.

    Hexagon has 16-bit activations there only, and strides together with dilations of floats.
    """
    _, weight, bias = inputs_of(e, n, source)
    weight = widened(e, weight, axes)
    old = e.program.tensors[weight]
    assert old.data is not None
    moved = np.ascontiguousarray(old.data.transpose(3, 1, 2, 0))
    quantization = replace(old.quantization, axis=0) if old.quantization else None
    grouped = e.add(Tensor(old.name, moved.shape, old.dtype, moved, quantization))
    options = schema.Conv2DOptionsT()
    fill_window(e, options, n, axes, padding)
    e.op("CONV_2D", [source, grouped, bias], [e.tensor(n.outputs[0])], options)


@lowers("Conv3d", domain=DOMAIN)
def conv3d(e: Emitter, n: Node) -> None:
    """Conv3d(x NDHWC, w DHWIO, b) -> CONV_3D."""
    x, w = shape_of(n.inputs[0]), shape_of(n.inputs[1])
    if attrs(n).get("group", 1) != 1:
        raise Unsupported("CONV_3D has no groups", fix="split the channels in the model")
    axes = axes_of(n, x[1:4], w[:3])
    source, padding = place(e, e.tensor(n.inputs[0]), axes)
    options = schema.Conv3DOptionsT()
    fill_window(e, options, n, axes, padding)
    options.strideD, options.dilationDFactor = axes[0].stride, axes[0].dilation
    e.op("CONV_3D", inputs_of(e, n, source), [e.tensor(n.outputs[0])], options)


@lowers("ConvTranspose2d", domain=DOMAIN)
def conv_transpose2d(e: Emitter, n: Node) -> None:
    """ConvTranspose2d(x NHWC, w OHWI, b) -> TRANSPOSE_CONV, and SLICE where pads are neither word.

    result = (size - 1) * stride + kernel - pads + output_padding.
    """
    a = attrs(n)
    if a.get("group", 1) != 1 or any(d != 1 for d in a.get("dilations") or ()):
        raise Unsupported("TRANSPOSE_CONV has neither groups nor dilations")
    x, y = shape_of(n.inputs[0]), shape_of(n.outputs[0])
    weights: Array | None = constant(n.inputs[1])
    w = shape_of(n.inputs[1])
    strides, pads = a.get("strides") or (1, 1), a.get("pads") or (0,) * 4
    kernel = _same_kernel(x[1:3], y[1:3], w[1:3], strides, pads[:2])
    # Hexagon refuses SAME where a stride parts what is one row or column (measured).
    lone = e.npu and any(s == 1 < t for s, t in zip(x[1:3], strides, strict=True))
    if kernel is not None and not lone and (weights is not None or kernel == w[1:3]):
        _transpose_conv(e, n, _grown(e, n, weights, kernel), y, schema.Padding.SAME)
        return
    full = [(s - 1) * t + k for s, t, k in zip(x[1:3], strides, w[1:3], strict=True)]
    full = [max(f, b + s) for f, b, s in zip(full, pads[:2], y[1:3], strict=True)]
    wide = _covering(e, x[1:3], full, w[1:3], strides)
    _transpose_conv(e, n, _grown(e, n, weights, wide), (y[0], *full, y[3]), schema.Padding.VALID)


def _same_kernel(
    x: tuple[int, ...],
    y: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    begins: tuple[int, ...],
) -> tuple[int, ...] | None:
    """Return the kernel size for which SAME pads like ONNX, at most one row or column larger.

    SAME crops max((size - 1) * stride + kernel - result, 0) positions, the smaller half in front;
    zeros at the end of a kernel change no result but move that half.
    """
    found = []
    for size, result, k, stride, begin in zip(x, y, kernel, strides, begins, strict=True):
        crops = {g: max((size - 1) * stride + k + g - result, 0) // 2 for g in (0, 1)}
        grow = next((g for g, crop in crops.items() if crop == begin), None)
        if grow is None or size != -(-result // stride):
            return None
        found.append(k + grow)
    return tuple(found)


def _covering(
    e: Emitter,
    sizes: Sequence[int],
    results: Sequence[int],
    kernel: tuple[int, ...],
    strides: Sequence[int],
) -> tuple[int, ...]:
    """Return a kernel size by which every result is of some window, for Hexagon.

    VALID makes 9 to 17 dB of results of which the last rows are of none (emulated), as
    output_padding asks for them: they are not 0. SAME is right.
    """
    if not e.npu:
        return kernel
    reaches = (r - (s - 1) * t for r, s, t in zip(results, sizes, strides, strict=True))
    return tuple(max(k, reach) for k, reach in zip(kernel, reaches, strict=True))


def _grown(e: Emitter, n: Node, weights: Array | None, kernel: tuple[int, ...]) -> int:
    if weights is None or weights.shape[1:3] == kernel:
        return e.tensor(n.inputs[1])
    grow = [(0, 0), *((0, k - w) for k, w in zip(kernel, weights.shape[1:3], strict=True)), (0, 0)]
    return e.constant(np.pad(weights, grow))


def _transpose_conv(e: Emitter, n: Node, w: int, full: tuple[int, ...], padding: int) -> None:
    """Emit TRANSPOSE_CONV with a result of shape `full`, cropped to the node's own shape."""
    a, y = attrs(n), shape_of(n.outputs[0])
    options = schema.TransposeConvOptionsT()
    options.padding = padding
    options.strideH, options.strideW = a.get("strides") or (1, 1)
    options.fusedActivationFunction = activation_of(e, n)
    out = e.tensor(n.outputs[0])
    result = out if full == y else e.like(n.outputs[0], full)
    x = e.tensor(n.inputs[0])
    bias = [e.tensor(v) for v in n.inputs[2:] if v is not None]
    shape = e.constant(np.array(full, np.int32))
    e.op("TRANSPOSE_CONV", [shape, w, x, *bias], [result], options, version=3 if bias else 1)
    if result != out:
        begin = (0, *(a.get("pads") or (0,) * 4)[:2], 0)
        edges = [e.constant(np.array(v, np.int32)) for v in (begin, y)]
        e.op("SLICE", [result, *edges], [out], schema.SliceOptionsT())
