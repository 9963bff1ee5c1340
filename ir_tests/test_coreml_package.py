"""The package as coremltools reads it: names, interface, metadata, bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ir_tests.coreml_oracle import operations, reread, spec_of
from ir_tests.lowering import single
from mmc.backends.coreml import reader
from mmc.backends.coreml.identifiers import Names, identifier
from mmc.backends.coreml.lower import Form, lower
from mmc.backends.coreml.run import run
from mmc.backends.coreml.writer import write
from mmc.diagnostics import LegalityError, ModelError, UsageError
from mmc.ir import Model, parse
from mmc.options import Picture
from mmc.shapes import infer

RNG = np.random.default_rng(0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=20))
def test_names_are_identifiers_and_differ(wishes: list[str]) -> None:
    names = Names()
    taken = [names.take(w) for w in wishes]
    assert len(set(taken)) == len(taken)
    assert all(n.isidentifier() and n.isascii() for n in taken)


def test_reserved_words_and_signs_are_changed() -> None:
    assert [identifier(n) for n in ("a:0", "0", "tensor", "", "_x", "x")] == [
        "a_0",
        "v0",
        "tensor_",
        "unnamed",
        "v_x",
        "x",
    ]


def convolution(**more: Any) -> Model:
    """Return Conv(x (1, 3, 8, 8)) with constant weights."""
    weight = RNG.standard_normal((4, 3, 3, 3)).astype(np.float32)
    return single("Conv", (1, 3, 8, 8), weight, pads=[1, 1, 1, 1], **more)


def test_literals_are_called_as_their_parameters(tmp_path: Path) -> None:
    """What several operations share has no long name; what the model names keeps that name."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
    g (float[1,3,8,8] x) => (float[1,3,8,8] a_very_long_name_of_a_result) {
        strides = Conv <pads = [1, 1, 1, 1]> (x, w)
        a_very_long_name_of_a_result = Conv <pads = [1, 1, 1, 1]> (strides, w)
    }"""
    model = parse(text, w=RNG.standard_normal((3, 3, 3, 3)).astype(np.float32))
    infer(model)
    write(lower(model), tmp_path / "m.mlpackage")
    (block,) = (
        spec_of(tmp_path / "m.mlpackage").mlProgram.functions["main"].block_specializations.values()
    )
    made = {o.outputs[0].name: o.type for o in block.operations}
    assert made["strides"] == "conv"
    literals = {n for n, kind in made.items() if kind == "const"} - {"w"}
    assert literals == {
        "strides_0",
        "pad_type",
        "pad",
        "groups",
        "dtype",
        "dtype_0",
    }  # dilations are strides


def files(path: Path) -> dict[str, bytes]:
    """Return the content of every file of a package."""
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = convolution()
    for name in ("a", "b"):
        write(lower(model), tmp_path / f"{name}.mlpackage")
    first = files(tmp_path / "a.mlpackage")
    assert first == files(tmp_path / "b.mlpackage")
    write(lower(convolution()), tmp_path / "a.mlpackage")
    assert files(tmp_path / "a.mlpackage") != first, "a package is replaced"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mlpackage", "b.mlpackage"]


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (np.float32, "FLOAT32"),
        (np.float64, "FLOAT32"),
        (np.float16, "FLOAT16"),
        (np.int64, "INT32"),
        (np.uint8, "INT32"),
        (np.bool_, "INT32"),
    ],
)
def test_the_interface_has_core_mls_types(dtype: Any, kind: str, tmp_path: Path) -> None:
    model = single("Identity", ((2, 3), dtype))
    model.graph.inputs[0].name = "in:0/x"
    path = tmp_path / "m.mlpackage"
    write(lower(model), path)
    spec = spec_of(path)
    (given,), (made,) = spec.description.input, spec.description.output
    types = given.type.multiArrayType.ArrayDataType
    assert [types.Name(f.type.multiArrayType.dataType) for f in (given, made)] == [kind, kind]
    assert given.name == "in_0_x"
    signature = json.loads(spec.description.metadata.userDefined["mmc.signature"])
    assert signature["inputs"] == {"in_0_x": "in:0/x"}
    assert signature["dtypes"]["in:0/x"] == np.dtype(dtype).name
    reread(path)


def test_text_is_refused() -> None:
    from onnx_ir import TensorType

    from mmc.ir import DataType, Graph, Shape, Value

    text = Value(name="t", shape=Shape((1,)), type=TensorType(DataType.STRING))
    model = convolution()
    model.graph.inputs.append(text)
    assert isinstance(model.graph, Graph)
    with pytest.raises(LegalityError, match="cannot be part of the signature"):
        lower(model)


def test_a_picture_is_scaled_in_the_program(tmp_path: Path) -> None:
    form = Form(pictures={"x0": Picture("RGB", 1 / 127.5, (-1.0, -0.9, -0.8))})
    path = tmp_path / "m.mlpackage"
    write(lower(convolution(), form), path)
    (given,) = spec_of(path).description.input
    picture = given.type.imageType
    assert (picture.width, picture.height, picture.ColorSpace.Name(picture.colorSpace)) == (
        8,
        8,
        "RGB",
    )
    kinds = [op.op_type for op in operations(reread(path))]
    assert kinds == ["cast", "mul", "add", "conv", "cast"]
    back = reader.read(path).inputs[0].picture
    assert back == form.pictures["x0"]


@pytest.mark.parametrize(
    ("pictures", "code"),
    [({"y": Picture("RGB")}, "MMC117"), ({"x0": Picture("G")}, "MMC116")],
)
def test_pictures_of_other_inputs_are_refused(pictures: dict[str, Picture], code: str) -> None:
    with pytest.raises(UsageError, match=code):
        lower(convolution(), Form(pictures=pictures))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    program = lower(convolution())
    program.about, program.metadata = {"author": "A", "license": "L"}, {"classes": '["a"]'}
    path = tmp_path / "m.mlpackage"
    write(program, path)
    found = reader.read(path)
    assert [(op.code, op.sources) for op in found.operations] == [
        (op.code, op.sources) for op in program.operations
    ]
    assert [op.output.shape for op in found.operations] == [
        op.output.shape for op in program.operations
    ]
    assert found.about["author"] == "A"
    assert found.metadata["classes"] == '["a"]'
    assert [f.onnx_name for f in (*found.inputs, *found.outputs)] == ["x0", "y0"]


def test_other_folders_are_no_packages(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="MMC120"):
        reader.read(tmp_path)


def test_scalars_keep_their_shape(tmp_path: Path) -> None:
    model = single("ReduceSum", (2, 3), keepdims=0)
    path, x = tmp_path / "m.mlpackage", np.arange(6, dtype=np.float32).reshape(2, 3)
    write(lower(model, Form("fp32")), path)
    (y,) = run(path, {"x0": x}).values()
    assert y.shape == ()
    assert y == 15


@pytest.mark.parametrize(
    "model",
    [
        single("Unsqueeze", (2, 3, 4), np.array([0, 1, 2])),
        single("MaxPool", (1, 1, 4, 4), outputs=2, kernel_shape=[2, 2]),
    ],
)
def test_outputs_that_core_ml_lacks_are_refused(model: Model) -> None:
    with pytest.raises(LegalityError, match="MMC201"):
        lower(model)
