"""The package as coremltools reads it: weight file, compressed constants, names, interface."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ir_tests.coreml_oracle import coremltools, operations, reread, spec_of
from ir_tests.lowering import single
from mmc.backends.coreml import compressed, reader
from mmc.backends.coreml.emitter import Emitter
from mmc.backends.coreml.identifiers import Names, identifier
from mmc.backends.coreml.lower import Form, lower, name_all
from mmc.backends.coreml.program import NUMPY_TYPES, Feature, Var
from mmc.backends.coreml.run import run
from mmc.backends.coreml.weights import BITS, TYPE_CODES, WeightFile
from mmc.backends.coreml.writer import write
from mmc.backends.lowering import Unsupported
from mmc.diagnostics import LegalityError, ModelError, UsageError
from mmc.ir import Array, Model
from mmc.options import Picture

READERS = {"fp16": "fp16", "fp32": "float"} | {k: k for k in TYPE_CODES if k[:2] != "fp"}
RNG = np.random.default_rng(0)


def codes(kind: str, size: int) -> Array:
    """Return random numbers of a type."""
    dtype = np.dtype(NUMPY_TYPES[kind])
    if dtype.kind == "f":
        return RNG.standard_normal(size).astype(dtype)
    bits = BITS.get(kind, 8 * dtype.itemsize)
    low = -(1 << bits - 1) if kind[0] == "i" else 0
    return RNG.integers(low, low + (1 << bits), size).astype(dtype)


@pytest.mark.parametrize("kind", TYPE_CODES)
def test_the_weight_file_is_what_core_ml_reads(kind: str, tmp_path: Path) -> None:
    coremltools()
    from coremltools.libmilstoragepython import _BlobStorageReader

    arrays = [codes(kind, size) for size in (1, 7, 64, 1001)]
    with open(tmp_path / "weight.bin", "wb") as file:
        weights = WeightFile(file)
        offsets = [weights.add(kind, a) for a in arrays]
        assert weights.add(kind, arrays[2].copy()) == offsets[2], "equal constants are stored once"
        weights.close()
    blob = _BlobStorageReader(str(tmp_path / "weight.bin"))
    for offset, array in zip(offsets, arrays, strict=True):
        assert offset % 64 == 0
        found = getattr(blob, f"read_{READERS[kind]}_data")(offset)
        wanted = array.view(np.uint16) if kind == "fp16" else array
        assert np.array_equal(np.asarray(found).astype(wanted.dtype), wanted)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(BITS)), st.integers(1, 100))
def test_small_types_take_their_bits(kind: str, size: int) -> None:
    file = io.BytesIO()
    weights = WeightFile(file)
    weights.add(kind, codes(kind, size))
    assert len(file.getvalue()) == 128 + -(-size * BITS[kind] // 8)


def decompressed(e: Emitter, weight: Var, path: Path) -> Array:
    """Return a compressed constant as coremltools unpacks it, through a linear layer's weight."""
    x = Var("x", e.float, (1, weight.shape[1]))
    y = e.op("linear", (1, weight.shape[0]), e.float, x=x, weight=weight)
    y.name = "y"
    e.program.inputs = [Feature(x, "x", "float32", x.shape)]
    e.program.outputs = [Feature(y, "y", "float32", y.shape)]
    name_all(e.program, Names())
    write(e.program, path)
    *_, last, linear = operations(reread(path))
    assert linear.op_type == "linear"
    found: Array = last.materialized_val_inference()
    return found


WEIGHT = RNG.standard_normal((6, 32)).astype(np.float32)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int4", "uint4"])
@pytest.mark.parametrize("blocks", [1, 4])
def test_shift_and_scale_by_blocks(kind: str, blocks: int, tmp_path: Path) -> None:
    data = codes(kind, 6 * 32).reshape(6, 32)
    scale = RNG.uniform(0.5, 1, (6, blocks)).astype(np.float16)
    offset = codes(kind, 6 * blocks).reshape(6, blocks) // 4
    e = Emitter("fp16", 9)
    found = decompressed(
        e, compressed.shift_scale(e, data, scale, kind, offset), tmp_path / "m.mlpackage"
    )
    repeat = 32 // blocks
    wide = [np.repeat(a.astype(np.float32), repeat, axis=1) for a in (offset, scale)]
    assert np.allclose(found, (data - wide[0]) * wide[1], rtol=2e-3)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("groups", [1, 3])
def test_tables_by_groups(bits: int, groups: int, tmp_path: Path) -> None:
    indices = RNG.integers(0, 1 << bits, (6, 32)).astype(np.uint8)
    table = RNG.standard_normal((groups, 1, 1 << bits, 1)).astype(np.float16)
    e = Emitter("fp16", 9)
    found = decompressed(e, compressed.palette(e, indices, table, bits), tmp_path / "m.mlpackage")
    rows = np.repeat(table[:, 0, :, 0], 6 // groups, axis=0)
    assert np.array_equal(found, np.take_along_axis(rows, indices.astype(int), axis=1))


def test_two_bits_are_a_table_times_a_scale(tmp_path: Path) -> None:
    data = RNG.integers(-2, 2, (6, 32)).astype(np.int8)
    scale = RNG.uniform(0.5, 1, (6, 2)).astype(np.float16)
    e = Emitter("fp16", 9)
    weight = compressed.two_bit(e, data, scale)
    assert [op.code for op in e.program.operations] == [
        "constexpr_lut_to_dense",
        "constexpr_blockwise_shift_scale",
    ]
    path = tmp_path / "m.mlpackage"
    decompressed(e, weight, path)
    table, product, _ = operations(reread(path))
    values = table.materialized_val_inference()
    assert np.array_equal(values, data), "codes are table entries"
    assert np.array_equal(product.scale.val, scale)


@pytest.mark.parametrize("version", [7, 9])
def test_sparse_weights(version: int, tmp_path: Path) -> None:
    dense = np.where(RNG.random((6, 32)) < 0.4, WEIGHT, 0).astype(np.float16)
    e = Emitter("fp16", version)
    found = decompressed(e, compressed.sparse(e, dense), tmp_path / "m.mlpackage")
    assert np.array_equal(found.reshape(6, 32), dense)


def test_the_forms_of_ios_16(tmp_path: Path) -> None:
    data, scale = codes("int8", 192).reshape(6, 32), RNG.uniform(0.5, 1, (6, 1)).astype(np.float16)
    e = Emitter("fp16", 7)
    found = decompressed(e, compressed.shift_scale(e, data, scale), tmp_path / "a.mlpackage")
    assert np.allclose(found, data * scale.astype(np.float32), rtol=2e-3)
    indices, table = RNG.integers(0, 16, (6, 32)).astype(np.uint8), codes("fp16", 16)
    e = Emitter("fp16", 7)
    weight = compressed.palette(e, indices, table.reshape(1, 1, 16, 1), 4)
    found = decompressed(e, weight, tmp_path / "b.mlpackage")
    assert np.array_equal(found.reshape(6, 32), table[indices])
    with pytest.raises(Unsupported, match="by blocks"):
        compressed.shift_scale(e, data, np.ones((6, 4), np.float16))
    with pytest.raises(Unsupported, match="each group"):
        compressed.palette(e, indices, np.ones((2, 1, 16, 1)), 4)
    with pytest.raises(Unsupported, match="scaled table"):
        compressed.scaled(e, weight, scale)


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
