"""Activations, normalizations, embeddings and fused products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmc.frontend.contrib.registry import Call, NotExpandable, expands
from mmc.values import dtype_of

if TYPE_CHECKING:
    from onnx_ir import Value

CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
POOL = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides")


def picked(call: Call, names: tuple[str, ...]) -> dict[str, Any]:
    """Return those of the node's attributes that the standard operator has too."""
    return {name: call.attributes[name] for name in names if name in call.attributes}


def scalar(x: Value, value: float) -> Any:
    """Return a number in the type of x."""
    return np.asarray(value, dtype_of(x))


def activated(out: Any, y: Value, name: str, params: list[float], like: Value) -> Any:
    """Return activation `name` of y, typed as `like`; params as ONNX Runtime orders them."""
    if name == "":
        return y
    if name in ("Relu", "Tanh", "Sigmoid", "Softplus", "Softsign", "HardSwish"):
        return out.node(name, [y])
    if name in ("LeakyRelu", "Elu", "ThresholdedRelu"):
        return out.node(name, [y], alpha=params[0] if params else None)
    if name in ("HardSigmoid", "Selu"):
        names = ("alpha", "gamma" if name == "Selu" else "beta")
        return out.node(name, [y], **dict(zip(names, params, strict=False)))
    if name == "Clip" and len(params) == 2:
        return out.Clip(y, scalar(like, params[0]), scalar(like, params[1]))
    raise NotExpandable(f"activation {name!r} is not known")


@expands("Gelu")
def gelu(out: Any, call: Call) -> Any:
    """y = x / 2 (1 + erf(x / sqrt 2))."""
    return out.Gelu(call.need(0))


@expands("BiasGelu")
def bias_gelu(out: Any, call: Call) -> Any:
    """y = gelu(x + b)."""
    return out.Gelu(out.Add(call.need(0), call.need(1)))


@expands("FastGelu")
def fast_gelu(out: Any, call: Call) -> Any:
    """y = gelu(x + b) by its tanh approximation."""
    x, bias = call.need(0), call.input(1)
    return out.Gelu(x if bias is None else out.Add(x, bias), approximate="tanh")


@expands("QuickGelu")
def quick_gelu(out: Any, call: Call) -> Any:
    """y = x sigmoid(alpha x)."""
    x = call.need(0)
    return out.Mul(x, out.Sigmoid(out.Mul(x, scalar(x, call.get("alpha", 1.702)))))


@expands("BiasAdd")
def bias_add(out: Any, call: Call) -> Any:
    """y = x + bias + skip."""
    return out.Add(out.Add(call.need(0), call.need(1)), call.need(2))


@expands("BiasSplitGelu")
def bias_split_gelu(out: Any, call: Call) -> Any:
    """a, b = split(x + bias);  y = a gelu(b)."""
    total = out.Add(call.need(0), call.need(1))
    a, b = out.node("Split", [total], outputs=2, axis=-1, num_outputs=2)
    return out.Mul(a, out.Gelu(b))


@expands("SimplifiedLayerNormalization")
def simplified_layer_norm(out: Any, call: Call) -> Any:
    """y = x / rms(x) * scale, over the axes from `axis` on."""
    call.only(0)
    options = {"axis": call.get("axis", -1), "epsilon": call.get("epsilon", 1e-5)}
    return out.node("RMSNormalization", [call.need(0), call.need(1)], **options)


def skipped(out: Any, call: Call, bias: int) -> Any:
    """Return input + skip + bias."""
    total = out.Add(call.need(0), call.need(1))
    return total if call.input(bias) is None else out.Add(total, call.need(bias))


@expands("SkipLayerNormalization")
def skip_layer_norm(out: Any, call: Call) -> Any:
    """s = input + skip + bias;  y = layer_norm(s) * gamma + beta;  outputs y, -, -, s."""
    call.only(0, 3)
    total = skipped(out, call, 4)
    inputs = [total, call.need(2), call.input(3)]
    y = out.node("LayerNormalization", inputs, axis=-1, epsilon=call.get("epsilon", 1e-12))
    return y, None, None, total


@expands("SkipSimplifiedLayerNormalization")
def skip_simplified_layer_norm(out: Any, call: Call) -> Any:
    """s = input + skip + bias;  y = s / rms(s) * gamma;  outputs y, -, -, s."""
    call.only(0, 3)
    total = skipped(out, call, 3)
    epsilon = call.get("epsilon", 1e-12)
    y = out.node("RMSNormalization", [total, call.need(2)], axis=-1, epsilon=epsilon)
    return y, None, None, total


@expands("EmbedLayerNormalization")
def embed_layer_norm(out: Any, call: Call) -> Any:
    """e = word[ids] + position[0..S] + segment[segments];  y = layer_norm(e), mask length, e."""
    ids, segments, positions = call.need(0), call.input(1), call.input(8)
    if positions is None:
        length = out.Shape(ids, start=1, end=2)
        place = out.Slice(call.need(3), np.array([0]), length, np.array([0]))
    else:
        place = out.Gather(call.need(3), positions)
    total = out.Add(out.Gather(call.need(2), ids), place)
    if segments is not None:
        total = out.Add(total, out.Gather(call.need(4), segments))
    inputs = [total, call.need(5), call.need(6)]
    y = out.node("LayerNormalization", inputs, axis=-1, epsilon=call.get("epsilon", 1e-12))
    return y, _mask_index(out, call, ids) if call.wants(1) else None, total


def _mask_index(out: Any, call: Call, ids: Value) -> Any:
    """Return the number of leading ones of every row of the mask; zeros without a mask."""
    mask = call.input(7)
    if mask is None or not call.get("mask_index_type", 1):
        if mask is not None:
            return mask
        return out.ReduceSum(out.Mul(out.Cast(ids, to=6), np.int32(0)), np.array([1]), keepdims=0)
    return out.Cast(out.ReduceSum(out.Cast(mask, to=6), np.array([1]), keepdims=0), to=6)


@expands("FusedConv")
def fused_conv(out: Any, call: Call) -> Any:
    """y = activation(conv(x, w) + b + z)."""
    inputs = [call.need(0), call.need(1), call.input(2)]
    y = out.node("Conv", inputs, **picked(call, CONV))
    if call.input(3) is not None:
        y = out.Add(y, call.input(3))
    params: list[float] = list(call.get("activation_params", ()))
    return activated(out, y, call.get("activation", ""), params, call.need(0))


@expands("FusedGemm")
def fused_gemm(out: Any, call: Call) -> Any:
    """y = activation(alpha A' B' + beta C)."""
    inputs = [call.need(0), call.need(1), call.input(2)]
    y = out.node("Gemm", inputs, **picked(call, ("alpha", "beta", "transA", "transB")))
    names = ("activation_alpha", "activation_beta", "activation_gamma")
    params = [call.attributes[n] for n in names if n in call.attributes]
    return activated(out, y, call.get("activation", ""), params, call.need(0))


@expands("FusedMatMul", "TransposeMatMul")
def fused_matmul(out: Any, call: Call) -> Any:
    """y = alpha A' B', where ' transposes the last two axes if asked for."""
    if call.get("transBatchA", 0) or call.get("transBatchB", 0):
        raise NotExpandable("transBatchA and transBatchB are not supported")
    a, b = call.need(0), call.need(1)
    a = transposed(out, a, call.rank(0)) if call.get("transA", 0) else a
    b = transposed(out, b, call.rank(1)) if call.get("transB", 0) else b
    y = out.MatMul(a, b)
    alpha = call.get("alpha", 1.0)
    return y if alpha == 1 else out.Mul(y, scalar(call.need(0), alpha))


def transposed(out: Any, x: Value, rank: int) -> Any:
    """Return x with its last two axes swapped; a vector stays."""
    if rank < 2:
        return x
    return out.Transpose(x, perm=[*range(rank - 2), rank - 1, rank - 2])


@expands("NhwcMaxPool")
def nhwc_max_pool(out: Any, call: Call) -> Any:
    """MaxPool of channels-last images."""
    y = out.node("MaxPool", [channels_first(out, call.need(0), call.rank(0))], **picked(call, POOL))
    return channels_last(out, y, call.rank(0))


@expands("NhwcConv", "NhwcFusedConv")
def nhwc_conv(out: Any, call: Call) -> Any:
    """y = activation(conv(x, w) + b + z) of channels-last images; w is (O, spatial..., I)."""
    rank = call.rank(0)
    x, w = (channels_first(out, call.need(i), rank) for i in (0, 1))
    y = channels_last(out, out.node("Conv", [x, w, call.input(2)], **picked(call, CONV)), rank)
    if call.input(3) is not None:
        y = out.Add(y, call.input(3))
    params: list[float] = list(call.get("activation_params", ()))
    return activated(out, y, call.get("activation", ""), params, call.need(0))


def channels_first(out: Any, x: Value, rank: int) -> Any:
    """(N, ..., C) -> (N, C, ...)."""
    return out.Transpose(x, perm=[0, rank - 1, *range(1, rank - 1)])


def channels_last(out: Any, x: Value, rank: int) -> Any:
    """(N, C, ...) -> (N, ..., C)."""
    return out.Transpose(x, perm=[0, *range(2, rank), 1])


@expands("Pad")
def pad(out: Any, call: Call) -> Any:
    """Pad with pads and value as inputs."""
    inputs = [call.need(0), call.need(1), call.input(2)]
    return out.node("Pad", inputs, mode=call.get("mode", "constant"))


@expands("ExpandDims")
def expand_dims(out: Any, call: Call) -> Any:
    """Unsqueeze at one axis."""
    return out.Unsqueeze(call.need(0), call.constant(1).reshape(1).astype(np.int64))


@expands("Trilu")
def trilu(out: Any, call: Call) -> Any:
    """Trilu, as ONNX has it since opset 14."""
    return out.node("Trilu", [call.need(0), call.input(1)], upper=call.get("upper", 1))


@expands("GatherND")
def gather_nd(out: Any, call: Call) -> Any:
    """GatherND, as ONNX has it since opset 11."""
    indices = out.Cast(call.need(1), to=7)
    return out.node("GatherND", [call.need(0), indices])


@expands("Range")
def range_(out: Any, call: Call) -> Any:
    """Range; the step is 1 when omitted."""
    start = call.need(0)
    step = scalar(start, 1) if call.input(2) is None else call.need(2)
    return out.Range(start, call.need(1), step)


@expands("GridSample")
def grid_sample(out: Any, call: Call) -> Any:
    """GridSample, as ONNX has it since opset 16."""
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(call.get("mode", "bilinear"), "nearest")
    options = picked(call, ("align_corners", "padding_mode"))
    return out.node("GridSample", [call.need(0), call.need(1)], mode=mode, **options)
