"""Lowerings of convolutions, pools, products and activations, executed against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lowering import check_lowering, feeds_for, single

from mmc.diagnostics import LegalityError
from mmc.ir import Array

RNG = np.random.default_rng(0)
UNIT: dict[str, Any] = {"strides": [1, 1], "dilations": [1, 1], "pads": [0] * 4, "group": 1}


def weights(*shape: int) -> Array:
    """Return weights that keep N(0, 1) inputs near unit variance."""
    return (RNG.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


CONVS = [
    ((1, 9, 9, 3), (8, 3, 3, 3), {"pads": [1] * 4}, ["CONV_2D"]),
    ((1, 9, 9, 3), (8, 3, 3, 3), {"pads": [1] * 4, "strides": [2, 2]}, ["CONV_2D"]),
    ((1, 10, 10, 3), (8, 3, 3, 3), {"pads": [1] * 4, "strides": [2, 2]}, ["PAD", "CONV_2D"]),
    ((1, 10, 10, 3), (8, 3, 3, 3), {"pads": [0, 0, 1, 1], "strides": [2, 2]}, ["CONV_2D"]),
    ((2, 10, 10, 3), (8, 1, 1, 3), {"strides": [2, 2]}, ["CONV_2D"]),
    ((2, 12, 11, 3), (8, 3, 3, 3), {"pads": [2] * 4, "dilations": [2, 2]}, ["CONV_2D"]),
    ((2, 12, 11, 3), (8, 3, 3, 3), {"dilations": [3, 2]}, ["CONV_2D"]),
    ((1, 5, 5, 8), (4, 3, 3, 8), {"pads": [4, 4, 3, 3]}, ["PAD", "CONV_2D"]),
    ((2, 12, 11, 8), (12, 3, 3, 2), {"pads": [1] * 4, "group": 4}, ["CONV_2D"]),
    ((2, 12, 11, 8), (12, 3, 3, 2), {"group": 4, "strides": [2, 1]}, ["CONV_2D"]),
    (
        (1, 12, 11, 8),
        (12, 3, 3, 2),
        {"group": 4, "pads": [2] * 4, "dilations": [2, 2]},
        ["CONV_2D"],
    ),
]


@pytest.mark.parametrize("activation", ["", "Relu", "Relu6", "ReluN1To1"])
@pytest.mark.parametrize(("x", "w", "form", "codes"), CONVS)
def test_conv2d(
    x: tuple[int, ...], w: tuple[int, ...], form: dict[str, Any], codes: list[str], activation: str
) -> None:
    bias = [weights(w[0])] if activation else []
    model = single("Conv2d" + activation, x, weights(*w), *bias, domain="mmc", **{**UNIT, **form})
    assert check_lowering(model) == codes


DEPTHWISE = [
    ((1, 9, 9, 6), (1, 3, 3, 6), {"pads": [1] * 4}),
    ((1, 9, 9, 6), (1, 3, 3, 18), {"pads": [1] * 4}),
    ((2, 19, 9, 6), (1, 3, 3, 6), {"pads": [2] * 4, "dilations": [2, 2]}),
    ((2, 19, 9, 6), (1, 3, 3, 6), {"pads": [2] * 4, "dilations": [2, 2], "strides": [2, 2]}),
    ((2, 19, 9, 6), (1, 3, 3, 6), {"pads": [3, 2, 3, 2], "dilations": [3, 2]}),
    ((2, 19, 9, 6), (1, 3, 3, 6), {"pads": [1, 2, 1, 0], "strides": [1, 2]}),
    ((2, 19, 9, 6), (1, 1, 1, 6), {"strides": [3, 2]}),
    ((2, 19, 9, 6), (1, 7, 7, 6), {"pads": [3] * 4}),
]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("x", "w", "form"), DEPTHWISE)
def test_depthwise_conv2d(
    x: tuple[int, ...], w: tuple[int, ...], form: dict[str, Any], bias: bool
) -> None:
    extra = [weights(w[3])] if bias else []
    options = {**UNIT, **form, "group": x[3]}
    model = single("DepthwiseConv2dRelu6", x, weights(*w), *extra, domain="mmc", **options)
    assert check_lowering(model)[-1] == "DEPTHWISE_CONV_2D"


@pytest.mark.parametrize(
    "form",
    [
        {"pads": [0] * 6},
        {"pads": [1] * 6, "strides": [1, 2, 1]},
        {"pads": [2] * 6, "dilations": [2, 2, 2]},
    ],
)
def test_conv3d(form: dict[str, Any]) -> None:
    form = {"strides": [1] * 3, "dilations": [1] * 3, "group": 1, **form}
    model = single("Conv3d", (2, 7, 8, 7, 3), weights(3, 3, 3, 3, 4), domain="mmc", **form)
    assert check_lowering(model)[-1] == "CONV_3D"


TRANSPOSED = [
    ((4, 4), (2, 2), [1] * 4, [0, 0], ["TRANSPOSE_CONV"]),
    ((3, 3), (2, 2), [1] * 4, [1, 1], ["TRANSPOSE_CONV"]),
    ((3, 3), (2, 2), [1] * 4, [0, 0], ["TRANSPOSE_CONV"]),
    ((3, 3), (1, 1), [1] * 4, [0, 0], ["TRANSPOSE_CONV"]),
    ((2, 2), (2, 2), [0] * 4, [0, 0], ["TRANSPOSE_CONV"]),
    ((3, 3), (2, 2), [0] * 4, [0, 0], ["TRANSPOSE_CONV"]),
    ((3, 3), (2, 2), [0] * 4, [1, 1], ["TRANSPOSE_CONV"]),
    ((5, 4), (3, 2), [1, 2, 0, 1], [0, 1], ["TRANSPOSE_CONV", "SLICE"]),
    ((2, 2), (3, 3), [0] * 4, [0, 0], ["TRANSPOSE_CONV"]),
    ((3, 2), (3, 3), [0] * 4, [2, 1], ["TRANSPOSE_CONV"]),
    ((1, 1), (2, 2), [0] * 4, [1, 0], ["TRANSPOSE_CONV"]),
    ((8, 8), (4, 4), [2] * 4, [0, 0], ["TRANSPOSE_CONV"]),
]


@pytest.mark.parametrize("activation", ["", "Relu"])
@pytest.mark.parametrize(("kernel", "strides", "pads", "extra", "codes"), TRANSPOSED)
def test_conv_transpose2d(
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: list[int],
    extra: list[int],
    codes: list[str],
    activation: str,
) -> None:
    form = {**UNIT, "strides": strides, "pads": pads, "output_padding": extra}
    bias = [weights(4)] if activation else []
    w = weights(4, *kernel, 3)
    model = single("ConvTranspose2d" + activation, (1, 5, 6, 3), w, *bias, domain="mmc", **form)
    assert check_lowering(model) == codes


@pytest.mark.parametrize(
    ("side", "form", "codes"),
    [
        (9, {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}, ["MAX_POOL_2D"]),
        (8, {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}, ["PADV2", "MAX_POOL_2D"]),
        (8, {"kernel_shape": [1, 1], "strides": [2, 2], "pads": [0] * 4}, ["MAX_POOL_2D"]),
    ],
)
def test_max_pool2d(side: int, form: dict[str, Any], codes: list[str]) -> None:
    model = single("MaxPool2d", (2, side, side, 6), domain="mmc", dilations=[1, 1], **form)
    feeds = {n: -1 - abs(x) for n, x in feeds_for(model).items()}  # a zero pad would win
    assert check_lowering(model, feeds) == codes


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "pads", "counted", "codes"),
    [
        (9, 3, 2, 1, 0, ["AVERAGE_POOL_2D"]),
        (8, 3, 1, 1, 0, ["AVERAGE_POOL_2D"]),
        (8, 3, 1, 1, 1, ["PAD", "AVERAGE_POOL_2D"]),
        (8, 2, 2, 0, 0, ["AVERAGE_POOL_2D"]),
        (8, 8, 8, 0, 1, ["AVERAGE_POOL_2D"]),
    ],
)
def test_average_pool2d(
    side: int, kernel: int, stride: int, pads: int, counted: int, codes: list[str]
) -> None:
    form = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pads] * 4}
    model = single(
        "AveragePool2d", (2, side, side, 6), domain="mmc", count_include_pad=counted, **form
    )
    assert check_lowering(model) == codes


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5), (2, 3, 2, 2, 5)])
@pytest.mark.parametrize("activation", ["", "Relu", "Relu6"])
@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_linear(shape: tuple[int, ...], activation: str, scale: float) -> None:
    bias = (scale * weights(4)).astype(np.float32)
    model = single("Linear" + activation, shape, weights(4, 5), bias, domain="mmc")
    assert check_lowering(model) == ["FULLY_CONNECTED"]


PRODUCTS = [
    ((3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (1, 6, 4, 5)),
    ((2, 1, 6, 3, 4), (1, 7, 6, 4, 5)),
    ((2, 2, 3, 4, 5), (5, 2)),
    ((5, 2), (2, 2, 3, 2, 5)),
]


@pytest.mark.parametrize("form", ["", "NT", "TN", "TT"])
@pytest.mark.parametrize(("a", "b"), PRODUCTS)
def test_matmul(a: tuple[int, ...], b: tuple[int, ...], form: str) -> None:
    if form[:1] == "T":
        a = (*a[:-2], a[-1], a[-2])
    if form[1:] == "T":
        b = (*b[:-2], b[-1], b[-2])
    model = single("MatMul" + form, a, b, domain="mmc" if form else "")
    assert check_lowering(model) == ["BATCH_MATMUL"]


@pytest.mark.parametrize("shape", [(7,), (2, 7), (1, 2, 3, 7), (1, 2, 3, 4, 7)])
@pytest.mark.parametrize(
    ("op_type", "form", "code"),
    [
        ("Relu", {}, "RELU"),
        ("Sigmoid", {}, "LOGISTIC"),
        ("Tanh", {}, "TANH"),
        ("HardSwish", {}, "HARD_SWISH"),
        ("Elu", {}, "ELU"),
        ("Gelu", {}, "GELU"),
        ("Gelu", {"approximate": "tanh"}, "GELU"),
        ("LeakyRelu", {"alpha": 0.2}, "LEAKY_RELU"),
        ("Softmax", {}, "SOFTMAX"),
        ("LogSoftmax", {}, "LOG_SOFTMAX"),
    ],
)
@pytest.mark.parametrize("scale", [0.01, 3.0, 30.0])
def test_activation(
    op_type: str, form: dict[str, Any], code: str, shape: tuple[int, ...], scale: float
) -> None:
    model = single(op_type, shape, **form)
    feeds = {n: (scale * x).astype(np.float32) for n, x in feeds_for(model).items()}
    assert check_lowering(model, feeds) == [code]


@pytest.mark.parametrize("slope", [(1,), (5,), (4, 1), (3, 1, 1), (1, 3, 1, 1), (2, 3, 4, 5)])
def test_prelu(slope: tuple[int, ...]) -> None:
    assert check_lowering(single("PRelu", (2, 3, 4, 5), weights(*slope))) == ["PRELU"]


@pytest.mark.parametrize(
    ("low", "high", "codes"),
    [
        (0.0, 6.0, ["RELU6"]),
        (-1.0, 1.0, ["RELU_N1_TO_1"]),
        (0.0, None, ["RELU"]),
        (-0.5, 0.25, ["MAXIMUM", "MINIMUM"]),
        (None, 0.25, ["MINIMUM"]),
    ],
)
def test_clip(low: float | None, high: float | None, codes: list[str]) -> None:
    assert check_lowering(single("Clip", (3, 50), low, high)) == codes


def test_silu() -> None:
    assert check_lowering(single("Silu", (3, 50), domain="mmc")) == ["LOGISTIC", "MUL"]


@pytest.mark.parametrize(
    "model",
    [
        single("Softmax", (2, 3), axis=0),
        single("MatMul", ((2, 3), np.int32), ((3, 4), np.int32)),
        single("Elu", (2, 3), alpha=0.5),
        single("AveragePool2d", (1, 8, 8, 2), domain="mmc", kernel_shape=[3, 3], strides=[2, 2],
               pads=[1] * 4, count_include_pad=0),
    ],
)  # fmt: skip
def test_refuses(model: Any) -> None:
    with pytest.raises(LegalityError, match="MMC201"):
        check_lowering(model)
