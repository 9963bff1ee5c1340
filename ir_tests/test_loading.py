"""Models of all kinds come in right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from mmc import ir
from mmc.frontend import conversion
from mmc.verification.evaluate import run_model

RNG = np.random.default_rng(7)


def normal(*shape: int) -> ir.Array:
    return RNG.standard_normal(shape).astype(np.float32)


def run(path: Path, feeds: dict[str, ir.Array]) -> list[Any]:
    """Run a model in ONNX Runtime without its optimizer."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    return list(onnxruntime.InferenceSession(str(path), options).run(None, feeds))


def write(folder: Path, text: str, **weights: ir.Array) -> Path:
    model = parser.parse_model(text)
    for name, array in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


OPSETS = {
    "upsample-7": (
        7,
        'y = Upsample<mode="nearest", scales=[1.0, 1.0, 1.5, 2.0]>(x)',
    ),
    "upsample-9-linear": (
        9,
        's = Constant<value=float[4] {1.0, 1.0, 1.7, 2.0}>() y = Upsample<mode="linear">(x, s)',
    ),
    "resize-10-up": (
        10,
        's = Constant<value=float[4] {1.0, 1.0, 1.7, 3.0}>() y = Resize<mode="nearest">(x, s)',
    ),
    "resize-10-down": (
        10,
        's = Constant<value=float[4] {1.0, 1.0, 0.6, 0.5}>() y = Resize<mode="nearest">(x, s)',
    ),
    "hardmax-11": (11, "h = Hardmax<axis=1>(x) y = Add(h, x)"),
    "softmax-9": (9, "y = Softmax<axis=1>(x)"),
    "dropout-clip-7": (7, "d = Dropout<ratio=0.3>(x) y = Clip<min=-0.5, max=0.5>(d)"),
    "reduce-11": (11, "r = ReduceSum<axes=[1], keepdims=0>(x) y = Unsqueeze<axes=[1]>(r)"),
    "split-13": (
        13,
        "n = Constant<value_ints=[1, 3]>() a, b = Split<axis=1>(x, n) y = Concat<axis=1>(b, a)",
    ),
    "pad-topk-9": (9, "p = Pad<pads=[0, 0, 1, 1, 0, 0, 1, 1]>(x) y, i = TopK<k=2>(p)"),
    "group-norm-18": (18, "y = GroupNormalization<num_groups=2>(x, g, g)"),
    "gelu-21": (21, "y = Gelu(x)"),
    "relu-26": (26, "r = Relu(x) y = Cast<to=1>(r)"),
    "add-28": (28, "y = Add(x, x)"),
}


@pytest.mark.parametrize("name", OPSETS)
def test_any_opset_computes_the_same(name: str, tmp_path: Path) -> None:
    opset, body = OPSETS[name]
    extra = {"g": normal(2)} if "group" in name else {}
    x, before = normal(1, 4, 6, 6), []
    for version in (min(opset, 26), opset):  # the oldest ONNX Runtime takes 26; none changed since
        text = f'<ir_version: 8, opset_import: ["" : {version}]>'
        text += f"g (float[1,4,6,6] x) => (float[a,b,c,d] y) {{ {body} }}"
        path = write(tmp_path, text, **extra)
        before = before or run(path, {"x": x})
    model = ir.load(path)
    assert model.graph.opset_imports[""] == 25
    assert not any(node.op_type == "Constant" for node in model.graph)
    ir.save(model, tmp_path / "after.onnx")
    for old, new in zip(before, run(tmp_path / "after.onnx", {"x": x}), strict=True):
        np.testing.assert_array_equal(old, new)


FUNCTIONS = """<ir_version: 8, opset_import: ["" : 13, "local" : 1]>
g (float[2,3] x, bool c) => (float[2,3] y) {
    a = local.twice(x)
    y = If (c) <
        then_branch = t () => (float[2,3] o) { k = Constant<value=float {3.0}>() o = Mul(a, k) },
        else_branch = e () => (float[2,3] p) { k = Constant<value=float {5.0}>() p = Mul(a, k) }>
}
<domain: "local", opset_import: ["" : 13]>
twice (v) => (w) { k = Constant<value=float {2.0}>() w = Mul(v, k) }"""


@pytest.mark.parametrize("condition", [True, False])
def test_functions_are_inlined_and_subgraphs_kept(condition: bool, tmp_path: Path) -> None:
    path = write(tmp_path, FUNCTIONS)
    model = ir.load(path)
    assert not model.functions
    names = [node.name for node in model.graph.all_nodes()]
    assert all(names)
    assert len(set(names)) == len(names)
    x = normal(2, 3)
    ir.save(model, tmp_path / "after.onnx")
    (y,) = run(tmp_path / "after.onnx", {"x": x, "c": np.array(condition)})
    np.testing.assert_array_equal(y, (x * np.float32(2)) * np.float32(3 if condition else 5))


def test_sources_survive_the_conversion(tmp_path: Path) -> None:
    text = '<ir_version: 6, opset_import: ["" : 9]> g (float[2,3,4] x) => (float[2,3,4] y) '
    path = write(tmp_path, text + "{ [user] y = Softmax<axis=1>(x) }")
    model = ir.load(path)
    assert len(model.graph) > 1
    assert {ir.sources(node) for node in model.graph} == {("user",)}


def test_initializers_listed_as_inputs_are_constants(tmp_path: Path) -> None:
    text = '<ir_version: 3, opset_import: ["" : 8]> g (float[2] x, float[2] w) => (float[2] y) '
    path = write(tmp_path, text + "{ y = Add(x, w) }", w=normal(2))
    assert [value.name for value in ir.load(path).graph.inputs] == ["x"]


def test_initializers_of_old_models_need_not_be_inputs(tmp_path: Path) -> None:
    text = '<ir_version: 3, opset_import: ["" : 8]> g (float[2] x) => (float[2] y) '
    onnx.save(parser.parse_model(text + "<float[2] w = {1, 2}> { y = Add(x, w) }"), tmp_path / "m")
    x = np.array([3, 4], np.float32)
    session = onnxruntime.InferenceSession(tmp_path / "m", providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x})
    np.testing.assert_array_equal(run_model(ir.load(tmp_path / "m"), {"x": x})["y"], expected)


def test_unsorted_nodes_are_sorted(tmp_path: Path) -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) '
    path = write(tmp_path, text + "{ y = Relu(t)  t = Neg(x) }")
    assert [node.op_type for node in ir.load(path).graph] == ["Neg", "Relu"]


@pytest.mark.parametrize("as_constant_node", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_large_weights_stay_in_the_file(
    tmp_path: Path, packed: bool, as_constant_node: bool
) -> None:
    """A 50 MB weight, stored either way, is a map into its own file: nothing is read or copied."""
    weight = np.arange(12_500_000, dtype=np.float32).reshape(3125, 4000)
    tensor = numpy_helper.from_array(weight, "w")
    if packed:
        tensor = TensorProto(name="w", data_type=1, dims=weight.shape, float_data=weight.ravel())
    value = [] if as_constant_node else [tensor]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    if as_constant_node:
        nodes.insert(0, helper.make_node("Constant", [], ["w"], value=tensor))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, [2, 3125])],
        [helper.make_tensor_value_info("y", 1, [2, 4000])],
        value,
    )
    path = tmp_path / "model.onnx"
    imports = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
    model = ir.load(path)
    mapped = model.graph.initializers["w"].const_value
    assert isinstance(mapped, ir.ExternalTensor)
    assert Path(mapped.path) == path
    array = ir.constant(model.graph.initializers["w"])
    assert array is not None
    assert not array.flags.owndata
    assert not array.flags.writeable
    np.testing.assert_array_equal(array[[0, -1]], weight[[0, -1]])


@pytest.mark.parametrize("external", [False, True])
def test_save_and_load_again(tmp_path: Path, external: bool) -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[2,20] x) => (float[2,30] y) '
    path = write(tmp_path, text + "{ y = MatMul(x, w) }", w=normal(20, 30))
    model = ir.load(path)
    saved = tmp_path / "saved.onnx"
    ir.save(model, saved, external=external)
    assert (tmp_path / "saved.onnx.data").exists() == external
    assert ir.print_ir(ir.load(saved), digests=True) == ir.print_ir(model, digests=True)
    x = normal(2, 20)
    np.testing.assert_array_equal(run(path, {"x": x})[0], run(saved, {"x": x})[0])


def test_save_over_the_file_that_is_mapped(tmp_path: Path) -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[2,20] x) => (float[2,30] y) '
    weight = normal(20, 30)
    path = write(tmp_path, text + "{ y = MatMul(x, w) }", w=weight)
    model = ir.load(path)
    ir.save(model, path, external=True)
    np.testing.assert_array_equal(ir.constant(model.graph.initializers["w"]), weight)
    np.testing.assert_array_equal(ir.constant(ir.load(path).graph.initializers["w"]), weight)


def test_shared_weights_are_stored_once(tmp_path: Path) -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[2,20] x) => (float[2,30] y) '
    model = ir.load(write(tmp_path, text + "{ y = MatMul(x, w) }", w=normal(20, 30)))
    for name in ("a.onnx", "b.onnx"):
        ir.save(model, tmp_path / name, weights=tmp_path / "weights")
    assert len(list((tmp_path / "weights").iterdir())) == 1
    assert ir.print_ir(ir.load(tmp_path / "b.onnx"), True) == ir.print_ir(model, True)


def test_what_no_opset_changed_is_not_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Add of opset 13 is that of 25 but for its types, Add of opset 12 came before such changes."""
    asked: list[int] = []
    convert = conversion._convert
    monkeypatch.setattr(
        conversion, "_convert", lambda model, opset: asked.append(opset) or convert(model, opset)
    )
    for opset in (14, 13, 12):
        head = f'<ir_version: 8, opset_import: ["" : {opset}]>'
        text = head + " g (float[2,3] x) => (float[2,3] y) { y = Add(x, x) }"
        assert ir.load(write(tmp_path, text)).graph.opset_imports[""] == 25
    assert asked == [12]


KEPT = """ g (float[1,4,6,6] x, bool b) => (float[1,4,3,3] y, int64[1,4,3,2] i) {
    r = LeakyRelu <alpha = 0.5> (x)
    t = Transpose <perm = [0, 1, 3, 2]> (r)
    p = Pad <mode = "reflect"> (t, ends)
    m = MaxPool <kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1> (p)
    s = Reshape <allowzero = 0> (m, sizes)
    v, i = TopK <axis = 3> (s, two)
    c = If (b) <
        then_branch = a () => (float[1,4,3,3] e) { e = Where(b, s, s) },
        else_branch = d () => (float[1,4,3,3] f) { f = Pow(s, half) }
    >
    y = HardSwish(c)
}"""


def test_only_more_types_is_no_conversion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ONNX's converter makes of such nodes is what they are already."""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 19]>{KEPT}')
    ends, sizes = np.array([0, 0, 0, 0, 0, 0, 0, 0]), np.array([1, 4, 3, 3])
    given = {"ends": ends, "sizes": sizes, "two": np.array([2]), "half": np.float32(0.5)}
    for name, array in given.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), name))
    onnx.save(model, tmp_path / "m.onnx")
    convert, asked = conversion._convert, []
    monkeypatch.setattr(
        conversion, "_convert", lambda model, opset: asked.append(opset) or convert(model, opset)
    )
    texts = [ir.print_ir(ir.load(tmp_path / "m.onnx"))]
    assert not asked
    monkeypatch.setattr(conversion, "_is_kept", lambda op_type, opset: False)
    texts.append(ir.print_ir(ir.load(tmp_path / "m.onnx")))
    assert asked == [19]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("op_type", ["GroupNormalization", "GridSample", "ReduceMean", "Split"])
def test_another_signature_is_converted(op_type: str) -> None:
    assert not conversion._is_kept(op_type, 17 if op_type != "GroupNormalization" else 18)
