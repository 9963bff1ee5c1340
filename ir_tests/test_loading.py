"""Models of all kinds come in right, and whatever is wrong with a file is a coded error."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper, parser

from mmc import ir
from mmc.diagnostics import ModelError

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


def code(path: Path) -> str:
    """Load what must be refused; return the code, after checking that the message is complete."""
    with pytest.raises(ModelError) as caught:
        ir.load(path)
    (finding,) = caught.value.diagnostics
    assert finding.where
    assert finding.what
    return finding.code


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
    text = f'<ir_version: 8, opset_import: ["" : {opset}]>'
    path = write(
        tmp_path, f"{text} g (float[1,4,6,6] x) => (float[a,b,c,d] y) {{ {body} }}", **extra
    )
    x = normal(1, 4, 6, 6)
    before = run(path, {"x": x})
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


VALID = '<ir_version: 8, opset_import: ["" : 17]> g (float[2,20] x) => (float[2,30] y) '


def test_what_is_no_onnx_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    assert code(path) == "MMC101"
    assert code(tmp_path) == "MMC101"
    for content, expected in (
        (b"", "MMC102"),
        (b"some words\nand more", "MMC103"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "MMC103"),
        (b"\x1c\0\0\0TFL3" + bytes(100), "MMC103"),
        (b"PK\x03\x04" + bytes(100), "MMC103"),
        (bytes(range(256)), "MMC103"),
        (b"\x08\x08", "MMC103"),
    ):
        path.write_bytes(content)
        assert code(path) == expected, content


def test_truncated(tmp_path: Path) -> None:
    path = write(tmp_path, VALID + "{ y = MatMul(x, w) }", w=normal(20, 30))
    path.write_bytes(path.read_bytes()[:-100])
    assert code(path) == "MMC102"


GRAPHS = {
    "opset": ("MMC104", '<ir_version: 8, opset_import: ["" : 99]> g (float[2] x) => (float[2] y) {'
              " y = Relu(x) }"),
    "ir version": ("MMC104", '<ir_version: 99, opset_import: ["" : 17]> g (float[2] x) => '
                   "(float[2] y) { y = Relu(x) }"),
    "attribute": ("MMC105", VALID + "{ y = Relu<nonsense=1>(x) }"),
    "arity": ("MMC105", VALID + "{ y = Add(x) }"),
    "cycle": ("MMC106", VALID + "{ [one] a = Add(x, b)  [two] b = Neg(a)  y = Relu(b) }"),
    "nan": ("MMC108", VALID + "{ y = MatMul(x, w) }"),
    "operator": ("MMC110", VALID + "{ [mine] y = Frobnicate(x) }"),
    "domain": ("MMC110", '<ir_version: 8, opset_import: ["" : 17, "com.acme" : 1]> '
               "g (float[2] x) => (float[2] y) { [mine] y = com.acme.Thing(x) }"),
    "undefined": ("MMC111", VALID + "{ y = Add(x, nobody) }"),
    "twice": ("MMC111", VALID + "{ y = Relu(x)  y = Neg(x) }"),
    "output": ("MMC111", VALID + "{ z = Relu(x) }"),
    "string": ("MMC112", '<ir_version: 8, opset_import: ["" : 17]> g (string[2] x) => '
               "(string[2] y) { y = Identity(x) }"),
    "sequence": ("MMC112", '<ir_version: 8, opset_import: ["" : 17]> g (seq(float[2]) x) => '
                 "(float[2] y) { i = Constant<value=int64 {0}>() y = SequenceAt(x, i) }"),
    "new operator": ("MMC113", '<ir_version: 13, opset_import: ["" : 26]> g (float[2] x) => '
                     "(int32[2] y) { y = BitCast<to=6>(x) }"),
    "new type": ("MMC113", '<ir_version: 13, opset_import: ["" : 28]> g (int32[2] x) => '
                 '(int32[2] y) { y = BitShift<direction="LEFT">(x, x) }'),
    "training": ("MMC113", '<ir_version: 6, opset_import: ["" : 9]> g (float[1,2] x, float[2] s) '
                 "=> (float[1,2] y) { y, a, b, c, d = BatchNormalization(x, s, s, s, s) }"),
    "shapes": ("MMC114", '<ir_version: 8, opset_import: ["" : 17]> g (float[2,3] x) => '
               "(float[a,b] y) { y = MatMul(x, x) }"),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_wrong_graph(name: str, tmp_path: Path) -> None:
    expected, text = GRAPHS[name]
    weight = np.full((20, 30), np.nan, np.float32)
    assert code(write(tmp_path, text, **({"w": weight} if name == "nan" else {}))) == expected


def test_messages_name_the_culprits(tmp_path: Path) -> None:
    for name, words in (("cycle", ["'one'", "'two'"]), ("domain", ["com.acme.Thing", "'mine'"])):
        path = write(tmp_path, GRAPHS[name][1])
        with pytest.raises(ModelError) as caught:
            ir.load(path)
        assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("location", "size"),
    [("w.data", None), ("w.data", 100), ("../w.data", 4000), ("/etc/passwd", None), ("", None)],
)
def test_external_data_that_cannot_be_used(location: str, size: int | None, tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    if size is not None:
        (folder / location).write_bytes(bytes(size))
    model = parser.parse_model(VALID + "{ y = MatMul(x, w) }")
    weight = TensorProto(name="w", data_type=1, dims=[20, 30])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "2400")):
        weight.external_data.add(key=key, value=value)
    model.graph.initializer.append(weight)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    assert code(folder / "model.onnx") == "MMC107"


def test_a_link_may_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    path = write(tmp_path, VALID + "{ y = MatMul(x, w) }", w=normal(20, 30))
    folder = tmp_path / "inner"
    folder.mkdir()
    ir.save(ir.load(path), folder / "m.onnx", external=True)
    os.replace(folder / "m.onnx.data", tmp_path / "elsewhere")
    (folder / "m.onnx.data").symlink_to(tmp_path / "elsewhere")
    assert code(folder / "m.onnx") == "MMC107"


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_end_in_a_coded_error_or_load(data: st.DataObject, tmp_path: Path) -> None:
    model = parser.parse_model(FUNCTIONS)
    model.graph.initializer.append(numpy_helper.from_array(np.ones((30, 30), np.float32), "w"))
    content = bytearray(model.SerializeToString())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        for position in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), max_size=4)):
            content[position // 8] ^= 1 << position % 8
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with suppress(ModelError):  # anything else, such as a ValueError, fails
        ir.load(path)
