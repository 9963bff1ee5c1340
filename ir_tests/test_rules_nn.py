"""Decompositions of layers, through the whole flow, against ONNX Runtime with its optimizer off."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from lowering import compare, counts, feeds_for, oracle, run_both, single

from mmc.diagnostics import LegalityError
from mmc.ir import Array

RNG = np.random.default_rng(0)


def w(*shape: int) -> Array:
    """Return weights that keep N(0, 1) inputs near unit variance."""
    return (RNG.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def positive(*shape: int) -> Array:
    """Return weights that are at least 0.5."""
    return (abs(w(*shape)) + 0.5).astype(np.float32)


CONVOLUTIONS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Conv", ((1, 3, 10, 10), w(8, 3, 3, 3)), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("Conv", ((1, 3, 10, 10), w(8, 3, 3, 3)), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    ("Conv", ((1, 3, 10), w(8, 3, 3), w(8)), {"auto_pad": "SAME_LOWER", "strides": [2]}),
    ("Conv", ((1, 6, 10), w(6, 1, 3)), {"group": 6, "pads": [1, 1]}),
    ("Conv", ((1, 6, 5, 6, 7), w(6, 2, 3, 3, 3), w(6)), {"group": 3, "pads": [1] * 6}),
    ("ConvTranspose", ((1, 6, 5, 6), w(6, 2, 3, 3), w(6)), {"group": 3, "pads": [1] * 4}),
    ("ConvTranspose", ((1, 6, 5, 6), w(6, 2, 3, 3)), {"dilations": [2, 1]}),
    ("ConvTranspose", ((1, 6, 5, 6), w(6, 2, 3, 3)), {"output_shape": [10, 8], "strides": [3, 2]}),
    ("ConvTranspose", ((1, 6, 5, 6), w(6, 2, 3, 3)), {"auto_pad": "SAME_LOWER", "strides": [3, 2]}),
    ("ConvTranspose", ((1, 6, 5), w(6, 2, 3)), {"strides": [3], "pads": [1, 0]}),
]  # fmt: skip


@pytest.mark.parametrize(("op_type", "inputs", "form"), CONVOLUTIONS)
def test_convolution(op_type: str, inputs: tuple[Any, ...], form: dict[str, Any]) -> None:
    run_both(single(op_type, *inputs, **form))


POOLS: list[dict[str, Any]] = [
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "ceil_mode": 1},
    {"kernel_shape": [2, 2], "strides": [3, 2], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"kernel_shape": [3, 2], "dilations": [2, 2], "pads": [1] * 4},
]


@pytest.mark.parametrize("op_type", ["MaxPool", "AveragePool", "LpPool"])
@pytest.mark.parametrize("form", POOLS)
def test_pool(op_type: str, form: dict[str, Any]) -> None:
    run_both(single(op_type, (1, 6, 10, 9), **form))
    if op_type == "AveragePool":
        run_both(single(op_type, (1, 6, 10, 9), **form, count_include_pad=1))


@pytest.mark.parametrize("op_type", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("shape", [(1, 6, 10), (1, 6, 5, 6, 7)])
def test_pool_of_other_rank(op_type: str, shape: tuple[int, ...]) -> None:
    space = len(shape) - 2
    form = {"kernel_shape": [3] * space, "strides": [2] * space, "pads": [1] * 2 * space}
    run_both(single(op_type, shape, **form))


NORMS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("LayerNormalization", ((2, 5, 8), positive(8), w(8)), {}),
    ("LayerNormalization", ((2, 5, 8), positive(5, 8)), {"axis": 1}),
    ("LayerNormalization", ((2, 5, 8), positive(8)), {"outputs": 3}),
    ("RMSNormalization", ((2, 5, 8), positive(8)), {}),
    ("InstanceNormalization", ((2, 5, 8, 3), positive(5), w(5)), {}),
    ("GroupNormalization", ((2, 6, 8, 3), positive(6), w(6)), {"num_groups": 3}),
    ("GroupNormalization", ((2, 6, 2, 3, 4), positive(6), w(6)), {"num_groups": 3}),
    ("MeanVarianceNormalization", ((2, 5, 8, 3),), {}),
    ("BatchNormalization", ((2, 5, 8, 3), positive(5), w(5), w(5), positive(5)), {}),
    ("BatchNormalization", ((2, 5, 8, 3), (5,), (5,), (5,), positive(5)), {}),
    ("LpNormalization", ((2, 5, 8),), {"p": 2, "axis": 1}),
    ("LpNormalization", ((2, 5, 8),), {"p": 1}),
    ("LRN", ((1, 9, 5, 5),), {"size": 3}),
]


@pytest.mark.parametrize(("op_type", "inputs", "form"), NORMS)
def test_normalization(op_type: str, inputs: tuple[Any, ...], form: dict[str, Any]) -> None:
    run_both(single(op_type, *inputs, **form))


@pytest.mark.parametrize("shape", [(2, 40), (1, 3, 5, 5)])
@pytest.mark.parametrize(
    ("op_type", "form"),
    [
        ("HardSigmoid", {}),
        ("Elu", {"alpha": 0.5}),
        ("Selu", {}),
        ("Celu", {"alpha": 0.7}),
        ("ThresholdedRelu", {"alpha": 0.3}),
        ("Softplus", {}),
        ("Softsign", {}),
        ("Mish", {}),
        ("Shrink", {"lambd": 0.4, "bias": 0.2}),
        ("Hardmax", {"axis": 1}),
        ("Softmax", {"axis": 1}),
        ("LogSoftmax", {"axis": 0}),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_activation(
    op_type: str, form: dict[str, Any], shape: tuple[int, ...], scale: float
) -> None:
    model = single(op_type, shape, **form)
    run_both(model, {n: (scale * x).astype(np.float32) for n, x in feeds_for(model).items()})


COORDINATES = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("sizes", [(8, 10), (13, 11), (3, 3), (1, 1)])
@pytest.mark.parametrize("mode", ["round_prefer_floor", "floor", "ceil", "linear", "cubic"])
def test_resize(mode: str, sizes: tuple[int, int], coordinates: str) -> None:
    form: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": coordinates}
    if mode not in ("linear", "cubic"):
        form |= {"mode": "nearest", "nearest_mode": mode}
    run_both(single("Resize", (1, 2, 4, 5), None, None, np.array((1, 2, *sizes)), **form))


@pytest.mark.parametrize(
    "form",
    [
        {"mode": "linear", "antialias": 1},
        {"mode": "cubic", "antialias": 1},
        {"mode": "cubic", "exclude_outside": 1},
    ],
)
@pytest.mark.parametrize("sizes", [(3, 3), (6, 9)])
def test_resize_options(form: dict[str, Any], sizes: tuple[int, int]) -> None:
    run_both(single("Resize", (1, 2, 4, 5), None, None, np.array((1, 2, *sizes)), **form))


@pytest.mark.parametrize("sizes", [(8, 10), (13, 11), (3, 3)])
@pytest.mark.parametrize("target", ["cpu", "hexagon_v73"])
def test_resize_as_tensorflow_does(sizes: tuple[int, int], target: str) -> None:
    """Opset 11's tf_half_pixel_for_nn, which tf2onnx writes in later ones too: no half is taken."""
    text = """<ir_version: 8, opset_import: ["" : 15]> g (float[1,2,4,5] x) => (float[1,2,h,w] y) {
        y = Resize <mode = "nearest", nearest_mode = "floor",
            coordinate_transformation_mode = "tf_half_pixel_for_nn"> (x, roi, scales) }"""
    scales = np.array([1, 1, sizes[0] / 4, sizes[1] / 5], np.float32)
    proto = onnx.parser.parse_model(text)
    for name, array in (("scales", scales), ("roi", np.zeros(0, np.float32))):
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    feeds = {"x": np.random.default_rng(0).standard_normal((1, 2, 4, 5)).astype(np.float32)}
    run_both(proto, feeds, target)


def test_resize_by_scales_that_are_no_ratio() -> None:
    scales = np.array([1, 1, 2.3, 1.7], np.float32)
    run_both(single("Resize", (1, 2, 4, 5), None, scales, mode="linear"))


def test_resize_refuses_where_rounding_decides() -> None:
    form = {"coordinate_transformation_mode": "half_pixel_symmetric", "nearest_mode": "floor"}
    with pytest.raises(LegalityError, match="Resize"):
        run_both(single("Resize", (1, 2, 4, 5), None, None, np.array((1, 2, 3, 3)), **form))


def test_resize_crops() -> None:
    region = np.array([0.4, 0.6, 0.8, 1.2], np.float32)
    form = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 7.0}
    sizes = np.array((3, 3))
    run_both(
        single("Resize", (1, 2, 4, 5), region, None, sizes, mode="linear", axes=[2, 3], **form)
    )


STEPS, BATCH, INPUTS, HIDDEN = 4, 2, 3, 5
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def recurrent(kind: str, direction: str, full: bool, layout: int = 0) -> tuple[Any, ...]:
    """Return the inputs of a recurrent node: with biases, states and peepholes if `full`."""
    count, size = 2 if direction == "bidirectional" else 1, GATES[kind] * HIDDEN
    rng = np.random.default_rng(1)
    new = lambda *s: (rng.standard_normal(s) / np.sqrt(s[-1])).astype(np.float32)  # noqa: E731
    shape = (BATCH, STEPS, INPUTS) if layout else (STEPS, BATCH, INPUTS)
    state = (BATCH, count, HIDDEN) if layout else (count, BATCH, HIDDEN)
    inputs: tuple[Any, ...] = (shape, new(count, size, INPUTS), new(count, size, HIDDEN))
    if full:
        inputs += (new(count, 2 * size), None, state)
    if full and kind == "LSTM":
        inputs += (state, new(count, 3 * HIDDEN))
    return inputs


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("full", [False, True])
def test_recurrent(kind: str, direction: str, full: bool) -> None:
    form: dict[str, Any] = {"hidden_size": HIDDEN, "direction": direction}
    if kind == "GRU" and full:
        form["linear_before_reset"] = 1
    outputs = 3 if kind == "LSTM" else 2
    run_both(single(kind, *recurrent(kind, direction, full), outputs=outputs, **form))


@pytest.mark.parametrize("kind", GATES)
def test_recurrent_batch_first(kind: str) -> None:
    """ONNX Runtime has no layout 1: the reference is layout 0 with the batch axis moved."""
    from lowering import emit_flow

    form: dict[str, Any] = {"hidden_size": HIDDEN, "direction": "bidirectional"}
    outputs = 3 if kind == "LSTM" else 2
    plain = single(kind, *recurrent(kind, "bidirectional", True), outputs=outputs, **form)
    first = single(
        kind, *recurrent(kind, "bidirectional", True, 1), outputs=outputs, layout=1, **form
    )
    feeds = feeds_for(plain)
    swapped = {n: np.ascontiguousarray(x.swapaxes(0, 1)) for n, x in feeds.items()}
    moved = {
        n: y.transpose(2, 0, 1, 3) if y.ndim == 4 else y.swapaxes(0, 1)
        for n, y in oracle(plain, feeds).items()
    }
    compare(moved, emit_flow(first, swapped)[0])


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("LSTM", {"clip": 0.3}),
        ("LSTM", {"input_forget": 1}),
        ("GRU", {"clip": 0.3}),
        ("GRU", {"activations": ["HardSigmoid", "Relu"], "activation_alpha": [0.3]}),
        ("RNN", {"activations": ["Affine"], "activation_alpha": [0.3], "activation_beta": [0.4]}),
    ],
)
def test_recurrent_activations(kind: str, form: dict[str, Any]) -> None:
    run_both(single(kind, *recurrent(kind, "forward", False), hidden_size=HIDDEN, **form))


def test_recurrent_is_refused_when_too_long() -> None:
    inputs = ((2000, 1, INPUTS), w(1, 4 * HIDDEN, INPUTS), w(1, 4 * HIDDEN, HIDDEN))
    with pytest.raises(LegalityError, match="unrolled"):
        run_both(single("LSTM", *inputs, hidden_size=HIDDEN))


def test_operators_of_an_lstm_step() -> None:
    codes = run_both(single("LSTM", *recurrent("LSTM", "forward", False), hidden_size=HIDDEN))
    assert counts(codes)["FULLY_CONNECTED"] == STEPS  # the first state is zero: one for all inputs


@pytest.mark.parametrize(
    "inputs",
    [
        ((4,), (4, 3)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((4,), (2, 4, 3)),
        (((3, 4), np.int32), ((4, 2), np.int32)),
        (((2, 3, 4), np.int64), ((4, 2), np.int64)),
        ((1, 2, 1, 2, 3, 4), (4, 2)),
        ((1, 2, 1, 2, 3, 4), (1, 2, 1, 2, 4, 2)),
    ],
)
def test_product(inputs: tuple[Any, ...]) -> None:
    run_both(single("MatMul", *inputs))


@pytest.mark.parametrize("form", [{}, {"transA": 1, "alpha": 0.5}, {"transB": 1, "beta": 2.0}])
def test_gemm_of_computed(form: dict[str, Any]) -> None:
    a = (4, 3) if form.get("transA") else (3, 4)
    b = (5, 4) if form.get("transB") else (4, 5)
    run_both(single("Gemm", a, b, (5,), **form))


@pytest.mark.parametrize(
    ("inputs", "form"),
    [
        (((2, 4, 6, 8), (2, 4, 5, 8), (2, 4, 5, 8)), {}),
        (((2, 4, 6, 8), (2, 4, 6, 8), (2, 4, 6, 8)), {"is_causal": 1}),
        (((2, 4, 6, 8), (2, 4, 5, 8), (2, 4, 5, 8), (6, 5)), {"scale": 0.3}),
        (((2, 4, 6, 8), (2, 4, 5, 8), (2, 4, 5, 8), w(6, 5)), {}),
        (((2, 4, 6, 8), (2, 2, 6, 8), (2, 2, 6, 8)), {"is_causal": 1}),
        (((2, 6, 32), (2, 6, 16), (2, 6, 16)), {"q_num_heads": 4, "kv_num_heads": 2}),
    ],
)
def test_attention(inputs: tuple[Any, ...], form: dict[str, Any]) -> None:
    run_both(single("Attention", *inputs, **form))
