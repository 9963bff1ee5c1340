"""An artifact takes its codes and scales, and little more: counted from the ONNX model's own bytes.

Allowed are the codes and scales, 12 bytes a quantized channel, 250 bytes a tensor, 64 KB, and what
stays float as it is.
"""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest

import golden_models as golden
import mmc
from ir_tests.arrays import normal
from ir_tests.compiling import compile_on
from mmc.backends.tflite.backend import TfliteBackend
from mmc.ir import parse

MODELS = {
    "efficientnet_lite0": {"image": (1, 3, 224, 224)},
    "digits_vqa_text": {"input_ids": (1, 10), "attention_mask": (1, 10)},
    "mtcnn_onet": {"x": (1, 3, 48, 48)},
}
WIDTHS = ("int8", "int4", "int2")


def floats(path: Path) -> int:
    """Return the bytes of a model's float constants, shared or not."""
    model = onnx.load(path)
    tensors = [*model.graph.initializer]
    tensors += [a.t for n in model.graph.node if n.op_type == "Constant" for a in n.attribute]
    return sum(4 * prod(t.dims) for t in tensors if t.data_type == onnx.TensorProto.FLOAT)


def layers(path: Path) -> int:
    """Return the bytes of the weights of a model's layers; rows at fixed places are folded."""
    model = onnx.load(path)
    bytes_of = {t.name: 4 * prod(t.dims) for t in model.graph.initializer if len(t.dims) > 1}
    places = {"Conv": 1, "MatMul": 1, "Gemm": 1, "Gather": 0}
    nodes, given = model.graph.node, {v.name for v in model.graph.input}
    nodes = [n for n in nodes if n.op_type != "Gather" or n.input[1] in given]
    used = {n.input[places[n.op_type]] for n in nodes if n.op_type in places}
    return sum(bytes_of.get(name, 0) for name in used)


@pytest.mark.parametrize("weights", WIDTHS)
@pytest.mark.parametrize("target", ["cpu", "ane_ios18"])
@pytest.mark.parametrize("name", MODELS)
def test_a_file_is_codes_scales_and_little_more(
    name: str, target: str, weights: str, tmp_path: Path
) -> None:
    result = mmc.compile(
        golden.path(name),
        target=target,
        output=tmp_path / ("m.tflite" if target == "cpu" else "m.mlpackage"),
        input_shape=MODELS[name],
        weights=weights,
        verify=False,
    )
    count = [w.float_bytes // 4 for w in result.weights]
    codes = sum(-(-n * w.bits // 8) for n, w in zip(count, result.weights, strict=True))
    scales = sum(w.bytes for w in result.weights) - codes
    left = floats(golden.path(name)) - 4 * sum(count)
    tensors = 3 * sum(result.ops.values())  # an operator: weight, bias, result
    allowed = codes + scales + 12 * (scales // 4) + 250 * tensors + (64 << 10) + left
    assert result.bytes <= allowed
    assert codes < 4 * sum(count) / 3
    assert sum(w.float_bytes for w in result.weights) == layers(golden.path(name))


def test_steps_of_a_loop_share_their_codes(tmp_path: Path) -> None:
    """An LSTM becomes a layer a step; with data each step had codes of its own."""
    steps, hidden = 8, 64
    text = """<ir_version: 13, opset_import: ["" : 22]>
        g (float[8,1,64] x) => (float[8,1,1,64] y) { y = LSTM <hidden_size = 64> (x, w, r, b) }"""
    arrays = {n: normal(1, 4 * hidden, 64, seed=i) / 8 for i, n in enumerate("wr")}
    model = parse(text, b=normal(1, 8 * hidden), **arrays)
    data = {"x": normal(8, steps, 1, 64, seed=9)}
    w4a8 = {"target": "cpu", "weights": "int4", "activations": "int8"}
    result = compile_on(tmp_path, model, data, **w4a8, verify=False)
    codes = 2 * 4 * hidden * 64
    assert sum(w.float_bytes for w in result.weights) == 4 * codes
    tensors = 250 * 3 * sum(result.ops.values())
    biases = steps * 4 * 4 * hidden
    assert result.bytes <= codes + 12 * 8 * hidden + biases + tensors + (64 << 10)


def test_16_bit_activations_add_biases_alone(tmp_path: Path) -> None:
    """Their biases have 64 bits, with a scale a channel; no other form of a weight stays behind."""
    data = {"x": np.stack([normal(1, 3, 48, 48, seed=i) for i in range(4)])}
    model = parse(
        """<ir_version: 10, opset_import: ["" : 21]>
        g (float[1,3,48,48] x) => (float[1,8] y) {
            a = Conv <strides = [2,2]> (x, w)  b = Conv <group = 96> (a, d)  c = Conv (b, e)
            p = GlobalAveragePool (c)  f = Flatten (p)  y = MatMul (f, h) }""",
        w=normal(96, 3, 3, 3, seed=1),
        d=normal(96, 1, 5, 5, seed=2),
        e=normal(512, 96, 1, 1, seed=3) / 8,
        h=normal(512, 8, seed=4),
    )
    w8a16 = {"target": "hexagon_v73", "weights": "int8", "activations": "int16"}
    result = compile_on(tmp_path, model, data, **w8a16, verify=False)
    channels = 96 + 96 + 512 + 8
    codes = 96 * 27 + 96 * 25 + 512 * 96 + 512 * 8
    program = TfliteBackend.read(result.artifact)
    read = {i for op in program.operators for i in op.inputs}
    constants = [i for i, t in enumerate(program.tensors) if t.data is not None]
    assert read.issuperset(constants)
    allowed = codes + (8 + 2 * 12) * channels + 250 * len(program.tensors) + (64 << 10)
    assert sum(w.bytes for w in result.weights) == codes + 4 * channels
    assert result.bytes <= allowed
