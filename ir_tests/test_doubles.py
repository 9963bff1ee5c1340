"""Double precision that ONNX Runtime has no kernels for is computed in float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmc
from ir_tests.lowering import compare, oracle
from mmc.frontend.doubles import WITHOUT
from mmc.ir import Array, Model, load, parse, save

TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g ({kind}[1,3,8,8] x, bool[1,1,6,6] m) => ({kind}[1,4] y) {{
    a = Conv (x, w, b)  r = LeakyRelu (a)  k = Where (m, r, lowest)  s = ReduceMax (k, axes)
    f = Flatten (s)  z = Sub (f, one)  y = {last} (z, one)
}}"""


def model_of(kind: type[np.floating], last: str = "Mul") -> Model:
    """Return a network in a precision; its mask is at the end of the precision's range."""
    rng = np.random.default_rng(0)
    name = {np.float64: "double", np.float32: "float"}[kind]
    return parse(
        TEXT.format(kind=name, last=last),
        w=rng.standard_normal((4, 3, 3, 3)).astype(kind),
        b=rng.standard_normal(4).astype(kind),
        lowest=np.array(np.finfo(kind).min, kind),
        axes=np.array([2, 3]),
        one=np.ones(4, kind),
    )


def feeds_of(kind: type[np.floating]) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    return {
        "x": rng.standard_normal((1, 3, 8, 8)).astype(kind),
        "m": np.eye(6, dtype=bool)[None, None],
    }


@pytest.mark.parametrize("target", ["cpu", "ane_ios18"])
def test_a_double_convolution_is_one_of_floats(target: str, tmp_path: Path) -> None:
    save(model_of(np.float64), tmp_path / "m.onnx")
    out = tmp_path / ("m.tflite" if target == "cpu" else "m.mlpackage")
    result = mmc.compile(tmp_path / "m.onnx", target=target, output=out, precision="float32")
    assert result.verification is not None
    assert result.verification.passed
    assert result.verification.reference == "the original model as loaded by mmc"
    feeds = feeds_of(np.float32)
    compare(oracle(model_of(np.float32), feeds), mmc.run(out, feeds))


def test_it_is_calibrated_and_quantized(tmp_path: Path) -> None:
    save(model_of(np.float64), tmp_path / "m.onnx")
    feeds = feeds_of(np.float64)
    np.savez(tmp_path / "c.npz", **feeds)
    options = {"weights": "int8", "activations": "int8", "calibration": tmp_path / "c.npz"}
    assert mmc.quantize(tmp_path / "m.onnx", output=tmp_path / "q.onnx", **options)
    expected = oracle(model_of(np.float32), feeds_of(np.float32))["y"]
    found = oracle(load(tmp_path / "q.onnx"), feeds_of(np.float32))["y"]
    np.testing.assert_allclose(found, expected, atol=np.abs(expected).max() * 4 / 127)


def test_what_has_kernels_stays_double() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (double[2,4] x, float[2,4] z) => (double[2,4] y, float[2,4] r) {
        a = Tanh (x)  y = MatMul (a, w)  c = Cast <to = 1> (y)  l = LeakyRelu (c)  r = Add (l, z)
    }"""
    model = parse(text, w=np.eye(4))
    assert str(model.graph.outputs[0].dtype) == "DOUBLE"


@pytest.mark.parametrize("op", ["Conv", "Erf", "LeakyRelu", "AveragePool"])
def test_the_list_is_of_this_onnx_runtime(op: str) -> None:
    import onnx
    import onnxruntime as ort
    from onnx import helper

    weights = [] if op != "Conv" else [helper.make_tensor("w", 11, (1, 1, 1, 1), [1.0])]
    value = helper.make_tensor_value_info("x", 11, (1, 1, 4, 4))
    made = helper.make_tensor_value_info("y", 11, (1, 1, 4, 4))
    options = {"kernel_shape": [1, 1]} if op == "AveragePool" else {}
    node = helper.make_node(op, ["x", *(w.name for w in weights)], ["y"], **options)
    graph = helper.make_graph([node], "g", [value], [made], weights)
    imports = [helper.make_opsetid("", 21)]
    proto = helper.make_model(graph, opset_imports=imports, ir_version=10)
    onnx.checker.check_model(proto)
    assert op in WITHOUT
    with pytest.raises(Exception, match="NOT_IMPLEMENTED"):
        ort.InferenceSession(proto.SerializeToString())
