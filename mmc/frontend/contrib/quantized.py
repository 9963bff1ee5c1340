"""Operators on quantized tensors: dequantize, compute, quantize; and weights of a few bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from mmc.frontend.contrib.attention import joint_attention
from mmc.frontend.contrib.layers import POOL, channels_first, channels_last, picked
from mmc.frontend.contrib.registry import Call, NotExpandable, expands
from mmc.values import Array

if TYPE_CHECKING:
    from onnx_ir import Value

NIBBLES = {
    4: (ml_dtypes.int4, ml_dtypes.uint4),
    8: (np.int8, np.uint8),
    2: (ml_dtypes.int2, ml_dtypes.uint2),
}


def real(out: Any, call: Call, x: int, axis: int | None = None) -> Any:
    """Return the number that inputs x, x + 1 (scale) and x + 2 (zero point) stand for."""
    inputs = [call.need(x), call.need(x + 1), call.input(x + 2)]
    return out.node("DequantizeLinear", inputs, axis=axis)


def stored(out: Any, call: Call, y: Value, scale: int) -> Any:
    """Return y with the scale and zero point at inputs `scale` and `scale` + 1."""
    return out.node("QuantizeLinear", [y, call.need(scale), call.input(scale + 1)])


@expands("QLinearAdd", "QLinearMul")
def q_linear_binary(out: Any, call: Call) -> Any:
    """c = quantize(a op b)."""
    y = out.node(
        call.node.op_type.removeprefix("QLinear"), [real(out, call, 0), real(out, call, 3)]
    )
    return stored(out, call, y, 6)


@expands("QLinearLeakyRelu", "QLinearSigmoid")
def q_linear_unary(out: Any, call: Call) -> Any:
    """y = quantize(f(x))."""
    op_type = call.node.op_type.removeprefix("QLinear")
    y = out.node(op_type, [real(out, call, 0)], **picked(call, ("alpha",)))
    return stored(out, call, y, 3)


@expands("QLinearSoftmax")
def q_linear_softmax(out: Any, call: Call) -> Any:
    """y = quantize(softmax(x)); before opset 13 over all axes from `axis` on."""
    axis, rank = call.get("axis", -1), call.rank(0)
    if call.get("opset", 13) < 13 and axis % rank != rank - 1:
        raise NotExpandable("the softmax is over several axes")
    return stored(out, call, out.Softmax(real(out, call, 0), axis=axis), 3)


@expands("QLinearGlobalAveragePool", "QLinearAveragePool")
def q_linear_pool(out: Any, call: Call) -> Any:
    """y = quantize(pool(x))."""
    x, rank = real(out, call, 0), call.rank(0)
    last = call.get("channels_last", 0)
    options = picked(call, (*POOL, "count_include_pad"))
    op_type = call.node.op_type.removeprefix("QLinear")
    y = out.node(op_type, [channels_first(out, x, rank) if last else x], **options)
    return stored(out, call, channels_last(out, y, rank) if last else y, 3)


@expands("QLinearReduceMean")
def q_linear_reduce_mean(out: Any, call: Call) -> Any:
    """y = quantize(mean(x))."""
    axes = call.get("axes", ())
    inputs = [real(out, call, 0), np.array(axes, np.int64) if axes else None]
    return stored(out, call, out.node("ReduceMean", inputs, **picked(call, ("keepdims",))), 3)


@expands("QLinearConcat")
def q_linear_concat(out: Any, call: Call) -> Any:
    """y = quantize(concat(x...))."""
    parts = [real(out, call, i) for i in range(2, len(call.node.inputs), 3)]
    return stored(out, call, out.node("Concat", parts, axis=call.get("axis", 0)), 0)


@expands("QLinearWhere")
def q_linear_where(out: Any, call: Call) -> Any:
    """z = quantize(condition ? x : y)."""
    y = out.Where(call.need(0), real(out, call, 1), real(out, call, 4))
    return stored(out, call, y, 7)


@expands("QuantizeLinear", "DequantizeLinear")
def quantize_linear(out: Any, call: Call) -> Any:
    """As ONNX has it."""
    inputs = [call.need(0), call.need(1), call.input(2)]
    return out.node(call.node.op_type, inputs, **picked(call, ("axis",)))


@expands("QGemm")
def q_gemm(out: Any, call: Call) -> Any:
    """y = alpha a' b' + c, quantized if an output scale is given; c has scale a_scale b_scale."""
    axis = 0 if call.get("transB", 0) else 1
    a, b = real(out, call, 0), real(out, call, 3, axis)
    options = picked(call, ("transA", "transB"))
    alpha = np.float32(call.get("alpha", 1.0))
    y = out.Mul(out.node("Gemm", [a, b], **options), alpha)
    if call.input(6) is not None:
        step = out.Mul(out.Mul(call.need(1), call.need(4)), alpha)
        y = out.Add(y, out.Mul(out.Cast(call.need(6), to=1), step))
    return y if call.input(7) is None else stored(out, call, y, 7)


def integer_product(out: Any, a: tuple[Any, Any], b: tuple[Any, Any], scale: Any) -> Any:
    """Return (a - za) (b - zb) scale in float, from (tensor, zero point) pairs."""
    product = out.node("MatMulInteger", [a[0], b[0], a[1], b[1]])
    return out.Mul(out.Cast(product, to=1), scale)


@expands("MatMulIntegerToFloat")
def matmul_integer_to_float(out: Any, call: Call) -> Any:
    """y = (a - za) (b - zb) sa sb + bias."""
    pairs = (call.need(0), call.input(4)), (call.need(1), call.input(5))
    y = integer_product(out, *pairs, out.Mul(call.need(2), call.need(3)))
    return y if call.input(6) is None else out.Add(y, call.need(6))


@expands("DynamicQuantizeMatMul")
def dynamic_quantize_matmul(out: Any, call: Call) -> Any:
    """y = quantize(a) (b - zb) sa sb + bias, with the scale of a from its range."""
    a, scale, zero = out.node("DynamicQuantizeLinear", [call.need(0)], outputs=3)
    pairs = (a, zero), (call.need(1), call.input(3))
    y = integer_product(out, *pairs, out.Mul(scale, call.need(2)))
    return y if call.input(4) is None else out.Add(y, call.need(4))


@expands("QAttention")
def q_attention(out: Any, call: Call) -> Any:
    """Attention whose projection is an integer product."""
    pairs = (call.need(0), call.input(6)), (call.need(1), call.input(7))
    scale = out.Mul(call.need(3), call.need(4))
    joint = out.Add(integer_product(out, *pairs, scale), call.need(2))
    places = {"mask": 5, "past": 8, "extra": len(call.node.inputs)}
    return joint_attention(out, call, joint, call.need(2), places)


@expands("MatMulNBits")
def matmul_n_bits(out: Any, call: Call) -> Any:
    """y = x Wᵀ + bias, W (N, K) of a few bits with one scale per block of K."""
    if call.input(4) is not None:
        raise NotExpandable("a permutation of blocks (g_idx)")
    bits, block = call.get("bits", 4), call.get("block_size", 0)
    rows, depth = call.get("N", 0), call.get("K", 0)
    blocks = -(-depth // block)
    codes = unpack(call.constant(1).reshape(rows, -1), bits)[:, :depth]
    scales = call.constant(2).reshape(rows, blocks)
    w = weight(out, call, codes, scales, zeros(call, 3, bits, (rows, blocks)), bits, block)
    y = out.MatMul(call.need(0), out.Transpose(w, perm=[1, 0]))
    return y if call.input(5) is None else out.Add(y, call.need(5))


def unpack(packed: Array, bits: int) -> Array:
    """(rows, bytes) -> (rows, codes): the lowest bits come first."""
    if bits not in NIBBLES:
        raise NotExpandable(f"weights of {bits} bits")
    steps = np.arange(0, 8, bits, dtype=np.uint8)
    parts: Array = (packed.view(np.uint8)[..., None] >> steps) & np.uint8((1 << bits) - 1)
    return parts.reshape(*packed.shape[:-1], -1)


def zeros(call: Call, index: int, bits: int, shape: tuple[int, int]) -> Array | None:
    """Return the zero points of all blocks, None when they are the middle of the range."""
    if call.input(index) is None:
        return None
    given = call.constant(index)
    if given.dtype != np.uint8:
        raise NotExpandable("zero points that are not integers")
    return unpack(given.reshape(shape[0], -1), bits)[:, : shape[1]]


def weight(
    out: Any, call: Call, codes: Array, scales: Array, zero: Array | None, bits: int, block: int
) -> Any:
    """Return DequantizeLinear of codes (N, K) by blocks: signed if symmetric."""
    signed, unsigned = NIBBLES[bits]
    if zero is None:
        q = (codes.astype(np.int16) - (1 << (bits - 1))).astype(np.int8).astype(signed)
        return out.node("DequantizeLinear", [q, scales], axis=1, block_size=block)
    inputs = [codes.astype(unsigned), scales, zero.astype(unsigned)]
    return out.node("DequantizeLinear", inputs, axis=1, block_size=block)


@expands("GatherBlockQuantized")
def gather_block_quantized(out: Any, call: Call) -> Any:
    """y = dequantize(data)[indices]."""
    data, bits, block = call.constant(0), call.get("bits", 4), call.get("block_size", 128)
    scales, rank = call.constant(2), call.constant(2).ndim
    axis = call.get("quantize_axis", 1) % rank
    if data.dtype == np.uint8:
        if axis != rank - 1:
            raise NotExpandable("packed bytes along another axis than the last")
        data = unpack(data, bits)
        zero = unpack(call.constant(3), bits) if call.input(3) is not None else None
        middle = np.full(scales.shape, 1 << (bits - 1), np.uint8)
        zero = middle if zero is None else zero[..., : scales.shape[-1]]
        unsigned = NIBBLES[bits][1]
        inputs: list[Any] = [data.astype(unsigned), scales, zero.astype(unsigned)]
    else:
        inputs = [call.need(0), scales, call.input(3)]
    w = out.node("DequantizeLinear", inputs, axis=axis, block_size=block)
    return out.Gather(w, call.need(1), axis=call.get("gather_axis", 0))
