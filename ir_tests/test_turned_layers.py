"""A matrix of weights is a layer's, whatever turned what it is multiplied with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import mmc


def turned_layer(path: Path, channels: int, classes: int, *, bias: bool) -> None:
    """Save y = transpose(x) w [+ b]: how a recognizer of text reads its columns."""
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((channels, classes)), "b": rng.standard_normal(classes)}
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["t", "w"], ["p" if bias else "y"]),
    ]
    if bias:
        nodes.append(helper.make_node("Add", ["p", "b"], ["y"]))
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, channels, 10])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 10, classes])
    held = [numpy_helper.from_array(v.astype(np.float32), n) for n, v in weights.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], held if bias else held[:1])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("target", "name"), [("ane_ios18", "m.mlpackage"), ("cpu", "m.tflite")], ids=["ane", "cpu"]
)
def test_its_weight_becomes_integers(target: str, name: str, bias: bool, tmp_path: Path) -> None:
    turned_layer(tmp_path / "m.onnx", 64, 96, bias=bias)
    made = mmc.compile(tmp_path / "m.onnx", target=target, output=tmp_path / name, weights="int8")
    assert [(w.bits, w.float_bytes) for w in made.weights] == [(8, 4 * 64 * 96)]
