"""Contrib nodes with inputs: (op type, attributes, inputs, number of outputs to look at).

An input is an array (fed at run time), Const (an initializer) or None (omitted).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmc.ir import Array

RNG = np.random.default_rng(7)


@dataclass(frozen=True)
class Const:
    """An input that is an initializer."""

    array: Array


@dataclass(frozen=True)
class Case:
    """One node: `outputs` lists which of its outputs are model outputs."""

    op_type: str
    inputs: tuple[Any, ...]
    outputs: tuple[int, ...] = (0,)
    domain: str = "com.microsoft"
    attributes: dict[str, Any] | None = None


def f(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def u(*shape: int, kind: Any = np.uint8) -> Array:
    limits = np.iinfo(kind)
    return RNG.integers(limits.min, limits.max, shape, endpoint=True).astype(kind)


def case(op_type: str, *inputs: Any, outputs: tuple[int, ...] = (0,), **attributes: Any) -> Case:
    domain = attributes.pop("domain", "com.microsoft")
    return Case(op_type, inputs, outputs, domain, attributes)


def s(value: float) -> Const:
    return Const(np.array(value, np.float32))


def z(value: int, kind: Any = np.uint8) -> Const:
    return Const(np.array(value, kind))


def c(array: Array) -> Const:
    return Const(array)


MASK = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32)
CACHE = f(16, 4)
CASES: tuple[Case, ...] = (
    case("Gelu", f(2, 5)),
    case("BiasGelu", f(2, 3, 5), c(f(5))),
    case("FastGelu", f(2, 3, 5), c(f(5))),
    case("FastGelu", f(2, 5)),
    case("QuickGelu", f(2, 5), alpha=1.5),
    case("SimplifiedLayerNormalization", f(2, 3, 8), c(f(8)), domain="", axis=-1, epsilon=1e-6),
    case(
        "SkipLayerNormalization",
        f(2, 3, 8),
        f(2, 3, 8),
        c(f(8)),
        c(f(8)),
        c(f(8)),
        outputs=(0, 3),
        epsilon=1e-5,
    ),
    case("SkipLayerNormalization", f(2, 3, 8), f(2, 3, 8), c(f(8))),
    case("SkipSimplifiedLayerNormalization", f(2, 3, 8), f(2, 3, 8), c(f(8)), outputs=(0, 3)),
    case(
        "EmbedLayerNormalization",
        u(2, 4, kind=np.uint8).astype(np.int32) % 9,
        np.array([[0, 0, 1, 1], [0, 1, 1, 1]], np.int32),
        c(f(9, 8)),
        c(f(6, 8)),
        c(f(2, 8)),
        c(f(8)),
        c(f(8)),
        MASK,
        outputs=(0, 1),
    ),
    case(
        "EmbedLayerNormalization",
        u(2, 4, kind=np.uint8).astype(np.int32) % 9,
        None,
        c(f(9, 8)),
        c(f(6, 8)),
        None,
        c(f(8)),
        c(f(8)),
        outputs=(0, 1),
    ),
    case(
        "FusedConv",
        f(1, 3, 6, 6),
        c(f(4, 3, 3, 3)),
        c(f(4)),
        f(1, 4, 6, 6),
        pads=[1, 1, 1, 1],
        activation="Relu",
        kernel_shape=[3, 3],
    ),
    case(
        "FusedConv",
        f(1, 3, 6, 6),
        c(f(4, 3, 3, 3)),
        activation="LeakyRelu",
        activation_params=[0.2],
    ),
    case(
        "FusedConv",
        f(1, 3, 6, 6),
        c(f(4, 3, 3, 3)),
        activation="Clip",
        activation_params=[-0.5, 1.5],
    ),
    case(
        "FusedConv",
        f(1, 3, 6, 6),
        c(f(4, 3, 3, 3)),
        activation="HardSigmoid",
        activation_params=[0.25, 0.4],
    ),
    case(
        "FusedGemm",
        f(3, 4),
        c(f(5, 4)),
        c(f(5)),
        transB=1,
        alpha=0.5,
        activation="LeakyRelu",
        activation_alpha=0.3,
    ),
    case("FusedMatMul", f(2, 4, 3), f(2, 5, 4), transA=1, transB=1, alpha=0.25),
    case("FusedMatMul", f(2, 3, 4), f(2, 4, 5), alpha=2.0),
    case("TransposeMatMul", f(2, 3, 4), f(2, 5, 4), transB=1),
    case("NhwcMaxPool", u(1, 6, 6, 3), kernel_shape=[2, 2], strides=[2, 2]),
    case("Pad", f(2, 3), c(np.array([1, 0, 0, 2])), s(0.5), mode="constant"),
    case("ExpandDims", f(2, 3), c(np.array([1], np.int32))),
    case("Trilu", f(3, 3), upper=0),
    case("GridSample", f(1, 2, 4, 4), f(1, 3, 3, 2) / 2, mode="bilinear", align_corners=1),
    case("Attention", f(2, 4, 8), c(f(8, 24)), c(f(24)), MASK, num_heads=2),
    case("Attention", f(2, 4, 8), c(f(8, 24)), c(f(24)), np.array([3, 2], np.int32), num_heads=2),
    case(
        "Attention",
        f(2, 4, 8),
        c(f(8, 24)),
        c(f(24)),
        None,
        f(2, 2, 2, 3, 4),
        outputs=(0, 1),
        num_heads=2,
        unidirectional=1,
    ),
    case(
        "Attention",
        f(2, 4, 8),
        c(f(8, 20)),
        c(f(20)),
        None,
        None,
        f(1, 2, 4, 4),
        num_heads=2,
        qkv_hidden_sizes=[8, 8, 4],
        scale=0.3,
    ),
    case(
        "MultiHeadAttention",
        f(2, 4, 8),
        f(2, 5, 8),
        f(2, 5, 8),
        c(f(24)),
        np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], np.int32),
        num_heads=2,
    ),
    case(
        "MultiHeadAttention",
        f(2, 4, 8),
        f(2, 4, 8),
        f(2, 4, 12),
        None,
        None,
        f(2, 2, 4, 4),
        num_heads=2,
    ),
    case("MultiHeadAttention", f(2, 4, 8), f(2, 2, 5, 4), f(2, 2, 5, 4), num_heads=2),
    case(
        "MultiHeadAttention",
        f(2, 4, 8),
        f(2, 4, 8),
        f(2, 4, 8),
        None,
        None,
        None,
        f(2, 2, 3, 4),
        f(2, 2, 3, 4),
        outputs=(0, 1, 2),
        num_heads=2,
        unidirectional=1,
    ),
    case("RotaryEmbedding", f(2, 4, 16), c(np.array([3])), c(CACHE), c(CACHE)),
    case(
        "RotaryEmbedding",
        f(2, 2, 4, 8),
        np.array([[0, 1, 2, 3], [4, 5, 6, 7]]),
        c(CACHE),
        c(CACHE),
        interleaved=1,
    ),
    case("QuantizeLinear", f(2, 5), s(0.02), z(100)),
    case("DequantizeLinear", u(2, 5), s(0.02), z(100)),
    case("QLinearAdd", u(2, 5), s(0.02), z(100), u(2, 5), s(0.03), z(120), s(0.05), z(110)),
    case(
        "QLinearMul",
        u(2, 5, kind=np.int8),
        s(0.02),
        z(0, np.int8),
        c(u(5, kind=np.int8)),
        s(0.03),
        z(3, np.int8),
        s(0.05),
        z(-10, np.int8),
    ),
    case("QLinearLeakyRelu", u(2, 5), s(0.02), z(100), s(0.025), z(20), alpha=0.1),
    case("QLinearSigmoid", u(2, 5), s(0.02), z(100), s(1 / 256), z(0)),
    case("QLinearSoftmax", u(2, 5), s(0.02), z(100), s(1 / 256), z(0), axis=-1, opset=13),
    case("QLinearGlobalAveragePool", u(1, 3, 4, 4), s(0.02), z(100), s(0.015), z(110)),
    case(
        "QLinearAveragePool",
        u(1, 3, 4, 4),
        s(0.02),
        z(100),
        s(0.015),
        z(110),
        kernel_shape=[2, 2],
        strides=[2, 2],
    ),
    case(
        "QLinearConcat", s(0.03), z(100), u(2, 5), s(0.02), z(90), u(2, 4), s(0.05), z(110), axis=1
    ),
    case(
        "QLinearWhere",
        np.array([[True, False]]),
        u(2, 2),
        s(0.02),
        z(90),
        u(2, 2),
        s(0.05),
        z(110),
        s(0.03),
        z(100),
    ),
    case(
        "QGemm",
        u(3, 4),
        s(0.02),
        z(100),
        c(u(4, 5, kind=np.int8)),
        c(np.abs(f(5)) / 50),
        c(np.zeros(5, np.int8)),
        c(u(5, kind=np.int8).astype(np.int32)),
        s(0.2),
        z(128),
    ),
    case(
        "MatMulIntegerToFloat",
        u(3, 4),
        c(u(4, 5, kind=np.int8)),
        s(0.02),
        c(np.abs(f(5)) / 50),
        z(100),
        c(np.zeros(5, np.int8)),
        c(f(5)),
    ),
    case("DynamicQuantizeMatMul", f(3, 4), c(u(4, 5)), s(0.03), z(120), c(f(5))),
    case(
        "QAttention",
        u(2, 4, 8),
        c(u(8, 24, kind=np.int8)),
        c(f(24)),
        s(0.02),
        s(0.01),
        MASK,
        z(100),
        z(0, np.int8),
        num_heads=2,
    ),
    case(
        "MatMulNBits",
        f(2, 3, 32),
        c(u(8, 2, 8)),
        c(np.abs(f(16)) / 8),
        K=32,
        N=8,
        bits=4,
        block_size=16,
    ),
    case(
        "MatMulNBits",
        f(3, 64),
        c(u(4, 2, 16)),
        c(np.abs(f(8)) / 8),
        c(u(4)),
        K=64,
        N=4,
        bits=4,
        block_size=32,
    ),
    case(
        "GatherBlockQuantized",
        c(u(8, 16)),
        np.array([[1, 7], [0, 3]]),
        c(np.abs(f(8, 2)) / 8),
        bits=4,
        block_size=16,
        quantize_axis=1,
        gather_axis=0,
    ),
)
