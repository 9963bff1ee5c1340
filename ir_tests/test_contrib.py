"""Every expansion of a contrib operator computes what ONNX Runtime's own kernel does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from contrib_cases import Case, Const, c, case, every, f

import mmc
from mmc.diagnostics import ModelError
from mmc.ir import Array, ExternalTensor, load, save
from mmc.verification.reference import run


def build(case: Case, path: Path) -> dict[str, Array]:
    """Write the model of one node; returns the feeds."""
    names: list[str] = []
    feeds: dict[str, Array] = {}
    weights, inputs = [], []
    for index, given in enumerate(case.inputs):
        names.append("" if given is None else f"x{index}")
        if isinstance(given, Const):
            weights.append(onnx.numpy_helper.from_array(given.array, names[-1]))
        elif given is not None:
            kind = onnx.helper.np_dtype_to_tensor_dtype(given.dtype)
            inputs.append(onnx.helper.make_tensor_value_info(names[-1], kind, given.shape))
            feeds[names[-1]] = given
    results = [f"y{i}" if i in case.outputs else "" for i in range(max(case.outputs) + 1)]
    node = onnx.helper.make_node(
        case.op_type, names, results, "the node", domain=case.domain, **(case.attributes or {})
    )
    outputs = [onnx.ValueInfoProto(name=r) for r in results if r]
    graph = onnx.helper.make_graph([node], "g", inputs, outputs, weights)
    versions = {"": 17, "com.microsoft": 1, "ai.onnx.ml": 3}
    imports = [onnx.helper.make_opsetid(*version) for version in versions.items()]
    model = onnx.helper.make_model(graph, opset_imports=imports, ir_version=9)
    onnx.save(model, path)
    return feeds


@pytest.mark.parametrize("case", every(), ids=lambda c: c.op_type)
def test_expansion(case: Case, tmp_path: Path) -> None:
    compare(case, tmp_path)


def compare(case: Case, path: Path) -> None:
    """Assert that what is loaded has standard operators only, and the results of the node."""
    feeds = build(case, path / "m.onnx")
    expected = run(path / "m.onnx", feeds)
    model = load(path / "m.onnx")
    assert all(not n.domain for n in model.graph)
    save(model, path / "expanded.onnx")
    actual = run(path / "expanded.onnx", feeds)
    assert expected.keys() == actual.keys()
    for name, y in expected.items():
        assert y.dtype == actual[name].dtype
        assert y.shape == actual[name].shape
        close(y, actual[name])


def close(expected: Array, actual: Array) -> None:
    if expected.dtype.kind in "iub":  # one step, where the float before rounding is reordered
        assert np.abs(expected.astype(int) - actual.astype(int)).max() <= 1
    else:
        scale = np.abs(expected).max()
        np.testing.assert_allclose(actual / scale, expected / scale, atol=2e-6, rtol=0)


def test_unknown_operator_names_the_nodes(tmp_path: Path) -> None:
    build(case("Inverse", f(3, 3)), tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"MMC110.*Inverse.*the node"):
        load(tmp_path / "m.onnx")


@pytest.mark.parametrize("op_type", ["GroupNorm", "SkipGroupNorm", "Rfft", "Irfft"])
def test_what_runs_on_gpus_only_is_refused_with_a_substitute(op_type: str, tmp_path: Path) -> None:
    build(case(op_type, f(1, 8)), tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"MMC110") as refusal:
        load(tmp_path / "m.onnx")
    (found,) = refusal.value.diagnostics
    assert f"com.microsoft.{op_type} ('the node')" in found.what
    assert "GPUs only" in found.why
    assert "standard" in found.fix


def test_form_without_equal_says_why(tmp_path: Path) -> None:
    build(case("FusedMatMul", f(2, 3, 4), f(2, 4, 5), transBatchA=1), tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="transBatchA"):
        load(tmp_path / "m.onnx")


def test_nodes_in_an_if(tmp_path: Path) -> None:
    """Contrib nodes in subgraphs are expanded with the captured values of the outer graph."""
    feeds: dict[str, Any] = {"x0": f(2, 3)}
    build(case("Gelu", feeds["x0"]), tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    branch = onnx.helper.make_graph(
        [onnx.helper.make_node("Gelu", ["x0"], ["inner"], domain="com.microsoft")],
        "then",
        [],
        [onnx.ValueInfoProto(name="inner")],
    )
    other = onnx.helper.make_graph(
        [onnx.helper.make_node("QuickGelu", ["x0"], ["inner2"], domain="com.microsoft")],
        "else",
        [],
        [onnx.ValueInfoProto(name="inner2")],
    )
    node = onnx.helper.make_node("If", ["c"], ["y0"], then_branch=branch, else_branch=other)
    model.graph.node[0].CopyFrom(node)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(False), "c"))
    onnx.save(model, tmp_path / "m.onnx")
    save(load(tmp_path / "m.onnx"), tmp_path / "e.onnx")
    expected, actual = (run(tmp_path / p, feeds)["y0"] for p in ("m.onnx", "e.onnx"))
    close(expected, actual)


def cached_attention(path: Path) -> None:
    """Write a model that attends to a cache, with lengths counted from a mask of any size."""
    text = """<ir_version: 9, opset_import: ["" : 21, "com.microsoft" : 1]>
    g (float[batch,seq,128] q, float[batch,seq,64] k, float[batch,seq,64] v,
       float[batch,2,past,32] past_key, float[batch,2,past,32] past_value, int64[batch,total] mask)
      => (float[batch,seq,128] y, float[batch,2,total,32] key, float[batch,2,total,32] value)
      <int64[1] axis = {1}, int64 one = {1}> {
        counted = ReduceSum<keepdims = 0>(mask, axis)
        before = Sub(counted, one)
        last = Cast<to = 6>(before)
        sizes = Shape(mask)
        size = Gather(sizes, one)
        total = Cast<to = 6>(size)
        y, key, value = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2>
            (q, k, v, past_key, past_value, last, total)
    }"""
    onnx.save(onnx.parser.parse_model(text), path)


@pytest.mark.parametrize("new", [1, 3])
def test_attention_to_a_cache_compiles(new: int, tmp_path: Path) -> None:
    cached_attention(tmp_path / "m.onnx")
    dims = {"batch": 1, "seq": new, "past": 8 - new, "total": 8}
    out = tmp_path / "m.tflite"
    found = mmc.compile(tmp_path / "m.onnx", target="hexagon_v73", dim=dims, output=out)
    assert found.verification is not None
    assert not found.verification.errors
    assert [o.name for o in found.verification.outputs] == ["y", "key", "value"]


def test_large_weights_stay_mapped(tmp_path: Path) -> None:
    build(case("FusedConv", f(1, 8, 6, 6), c(f(64, 8, 3, 3))), tmp_path / "m.onnx")
    model = load(tmp_path / "m.onnx")
    tensors = [v.const_value for v in model.graph.initializers.values()]
    assert all(isinstance(t, ExternalTensor) for t in tensors)
