"""Whatever is wrong with a file is a coded error."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, numpy_helper, parser
from test_loading import FUNCTIONS, write

from ir_tests.arrays import normal
from ir_tests.versions import NEWER_ONNX
from mmc import ir
from mmc.diagnostics import ModelError


def code(path: Path) -> str:
    """Load what must be refused; return the code, after checking that the message is complete."""
    with pytest.raises(ModelError) as caught:
        ir.load(path)
    (finding,) = caught.value.diagnostics
    assert finding.where
    assert finding.what
    return finding.code


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
    if name == "new operator" and not NEWER_ONNX:
        pytest.skip("it is unknown to this onnx")
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


def test_nan_that_is_only_selected_is_meant_so(tmp_path: Path) -> None:
    """JAX writes a variance of no samples so; a weight of NaN is refused (`GRAPHS`)."""
    text = """<ir_version: 8, opset_import: ["" : 17]> g (float[2,3] x, bool[2,3] c) =>
        (float[2,3] y) { n = Expand (nan, shape)  y = Where (c, x, n) }"""
    constants = {"nan": np.float32(np.nan), "shape": np.array([2, 3]), "unused": np.float32(np.nan)}
    path = write(tmp_path, text, **{k: np.asarray(v) for k, v in constants.items()})
    assert ir.load(path).graph.num_nodes()
