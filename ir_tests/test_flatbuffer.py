"""The TFLite writer and reader: bytes, alignment, sharing, round trip, execution, damaged files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from mmc.backends.tflite.flatbuffer import FLATBUFFER_LIMIT, write
from mmc.backends.tflite.packing import pack, unpack
from mmc.backends.tflite.program import Array, Operator, Program, Quantization, Tensor
from mmc.backends.tflite.reader import read
from mmc.backends.tflite.run import run
from mmc.diagnostics import EmitError, ModelError

FORMS = pytest.mark.parametrize("limit", [FLATBUFFER_LIMIT, 0], ids=["inside", "offsets"])


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def linear(weight: Tensor, bias: Array) -> Program:
    """y (2, M) = x (2, K) · wᵀ + b, the weight of any storage type through DEQUANTIZE."""
    m, k = weight.shape
    tensors = [
        Tensor("x", (2, k), "FLOAT32"),
        weight,
        Tensor("b", (m,), "FLOAT32", bias),
        Tensor("y", (2, m), "FLOAT32"),
    ]
    operators = []
    if weight.dtype != "FLOAT32":
        tensors.append(Tensor("w_float", (m, k), "FLOAT32"))
        options = schema.DequantizeOptionsT()
        operators.append(Operator("DEQUANTIZE", [1], [4], options, 6, ("w",)))
    fully = schema.FullyConnectedOptionsT()
    operators.append(Operator("FULLY_CONNECTED", [0, len(tensors) - 1 if operators else 1, 2], [3],
                              fully, 1, ("gemm", "größe/add")))  # fmt: skip
    return Program(tensors, operators, [("in:0", 0)], [("out/y", 3)], {"note": b"hello"})


def float_linear() -> tuple[Program, Array, Array]:
    w, b = normal(0, 3, 5), normal(1, 3)
    return linear(Tensor("w", (3, 5), "FLOAT32", w), b), w, b


def quantized(bits: int, m: int, k: int) -> Tensor:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    codes = np.random.default_rng(bits).integers(low, high, (m, k), np.int8, endpoint=True)
    scale = np.linspace(0.1, 0.9, m, dtype=np.float32)
    return Tensor("w", (m, k), f"INT{bits}", codes, Quantization(scale, np.zeros(m, np.int64)))


def convolution() -> tuple[Program, Array]:
    """1x1 convolution and a RELU6 that add shares: an op with fused activation and two users."""
    w, b = normal(2, 4, 1, 1, 3), normal(3, 4)
    tensors = [
        Tensor("image", (1, 2, 2, 3), "FLOAT32"),
        Tensor("w", w.shape, "FLOAT32", w),
        Tensor("b", (4,), "FLOAT32", b),
        Tensor("c", (1, 2, 2, 4), "FLOAT32"),
        Tensor("y", (1, 2, 2, 4), "FLOAT32"),
    ]
    conv = schema.Conv2DOptionsT(strideW=1, strideH=1)
    conv.fusedActivationFunction = schema.ActivationFunctionType.RELU6
    operators = [
        Operator("CONV_2D", [0, 1, 2], [3], conv),
        Operator("ADD", [3, 3], [4], schema.AddOptionsT()),
    ]
    return Program(tensors, operators, [("image", 0)], [("y", 4), ("c", 3)]), w[:, 0, 0] @ np.eye(3)


@FORMS
def test_fully_connected_runs(tmp_path: Path, limit: int) -> None:
    program, w, b = float_linear()
    write(program, tmp_path / "m.tflite", limit=limit)
    x = normal(4, 2, 5)
    found = run(tmp_path / "m.tflite", {"in:0": x})
    np.testing.assert_allclose(found["out/y"], x @ w.T + b, rtol=1e-5, atol=1e-6)


@FORMS
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_low_bit_weights_run(tmp_path: Path, bits: int, limit: int) -> None:
    weight, bias = quantized(bits, 3, 5), normal(1, 3)
    assert weight.data is not None
    assert weight.quantization is not None
    write(linear(weight, bias), tmp_path / "m.tflite", limit=limit)
    x = normal(4, 2, 5)
    w = weight.data * weight.quantization.scale[:, None]
    found = run(tmp_path / "m.tflite", {"in:0": x})
    np.testing.assert_allclose(found["out/y"], x @ w.T + bias, rtol=1e-5, atol=1e-5)


@FORMS
def test_convolution_with_two_outputs_runs(tmp_path: Path, limit: int) -> None:
    program, w = convolution()
    write(program, tmp_path / "m.tflite", limit=limit)
    x, b = normal(5, 1, 2, 2, 3), program.tensors[2].data
    assert b is not None
    found = run(tmp_path / "m.tflite", {"image": x})
    expected = np.clip(x @ w.T + b, 0, 6)
    np.testing.assert_allclose(found["c"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["y"], 2 * expected, rtol=1e-5, atol=1e-6)


def test_many_operators_and_a_reshape_run(tmp_path: Path) -> None:
    program = Program([Tensor("x", (2, 3), "FLOAT32")], inputs=[("x", 0)])
    for step in range(40):
        program.tensors.append(Tensor(f"c{step}", (), "FLOAT32", np.array(step, np.float32)))
        program.tensors.append(Tensor(f"t{step}", (2, 3), "FLOAT32"))
        program.operators.append(
            Operator("ADD", [2 * step, 2 * step + 1], [2 * step + 2], schema.AddOptionsT())
        )
    program.tensors.append(Tensor("shape", (1,), "INT32", np.array([6], np.int32)))
    program.tensors.append(Tensor("y", (6,), "FLOAT32"))
    reshape = schema.ReshapeOptionsT(newShape=np.array([6], np.int32))
    program.operators.append(Operator("RESHAPE", [80, 81], [82], reshape))
    program.outputs = [("y", 82)]
    write(program, tmp_path / "m.tflite")
    x = normal(0, 2, 3)
    found = run(tmp_path / "m.tflite", {"x": x})["y"]
    np.testing.assert_allclose(found, x.reshape(6) + 780, rtol=1e-6)
    write(read(tmp_path / "m.tflite"), tmp_path / "again.tflite")
    assert (tmp_path / "again.tflite").read_bytes() == (tmp_path / "m.tflite").read_bytes()


@FORMS
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_round_trip(tmp_path: Path, bits: int, limit: int) -> None:
    program = linear(quantized(bits, 3, 5), normal(1, 3))
    first, second = tmp_path / "a.tflite", tmp_path / "b.tflite"
    write(program, first, limit=limit)
    again = read(first)
    write(again, second, limit=limit)
    assert first.read_bytes() == second.read_bytes()
    assert (again.inputs, again.outputs) == (program.inputs, program.outputs)
    assert again.metadata == program.metadata
    assert [op.sources for op in again.operators] == [op.sources for op in program.operators]
    assert [(t.name, t.shape, t.dtype) for t in again.tensors] == [
        (t.name, t.shape, t.dtype) for t in program.tensors
    ]
    for mine, theirs in zip(program.tensors, again.tensors, strict=True):
        assert (mine.data is None) == (theirs.data is None)
        if mine.data is not None:
            np.testing.assert_array_equal(mine.data, theirs.data)


def test_bytes_are_deterministic_and_aligned(tmp_path: Path) -> None:
    program, w, _ = float_linear()
    write(program, tmp_path / "a.tflite")
    write(float_linear()[0], tmp_path / "b.tflite")
    content = (tmp_path / "a.tflite").read_bytes()
    assert content == (tmp_path / "b.tflite").read_bytes()
    assert content.index(w.tobytes()) % 16 == 0


def test_equal_constants_share_one_buffer(tmp_path: Path) -> None:
    w = normal(0, 64, 64)
    tensors = [Tensor(f"w{i}", (64, 64), "FLOAT32", data) for i, data in enumerate([w, w.copy()])]
    tensors.append(Tensor("negative", (64, 64), "FLOAT32", -w))
    write(Program(tensors), tmp_path / "m.tflite")
    assert 2 * w.nbytes < (tmp_path / "m.tflite").stat().st_size < 2.2 * w.nbytes


def test_metadata_is_a_vector_in_either_form(tmp_path: Path) -> None:
    write(float_linear()[0], tmp_path / "m.tflite", limit=0)
    model = schema.Model.GetRootAs((tmp_path / "m.tflite").read_bytes())
    note = model.Buffers(model.Metadata(0).Buffer())
    assert note.DataAsNumpy().tobytes() == b"hello"
    assert note.Offset() == 0


def test_negative_zero_is_not_shared_with_zero(tmp_path: Path) -> None:
    zeros = np.zeros(4, np.float32)
    write(Program([Tensor("a", (4,), "FLOAT32", zeros), Tensor("b", (4,), "FLOAT32", -zeros)]),
          tmp_path / "m.tflite")  # fmt: skip
    found = read(tmp_path / "m.tflite").tensors[1].data
    assert found is not None
    assert np.signbit(found).all()


def test_inputs_are_cast_with_range_checks(tmp_path: Path) -> None:
    tensors = [Tensor("i", (2,), "INT32"), Tensor("j", (2,), "INT32")]
    op = Operator("ADD", [0, 0], [1], schema.AddOptionsT())
    write(Program(tensors, [op], [("i", 0)], [("j", 1)]), tmp_path / "m.tflite")
    assert run(tmp_path / "m.tflite", {"i": np.array([1, 2], np.int64)})["j"].tolist() == [2, 4]
    with pytest.raises(EmitError, match="MMC403"):
        run(tmp_path / "m.tflite", {"i": np.array([1, 2**40], np.int64)})
    with pytest.raises(EmitError, match="MMC403"):
        run(tmp_path / "m.tflite", {"i": np.array([[1, 2]], np.int32)})
    with pytest.raises(EmitError, match="MMC403"):
        run(tmp_path / "m.tflite", {})


def test_unwritable_output_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(EmitError, match="MMC401"):
        write(Program(), tmp_path / "missing" / "m.tflite")
    (tmp_path / "folder").mkdir()
    with pytest.raises(EmitError, match="MMC401"):
        write(Program(), tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("t", (2,), "FLOAT32", np.zeros(3, np.float32)),
        Tensor("t", (2,), "FLOAT32", np.zeros(2)),
        Tensor("t", (2,), "COMPLEX", None),
        Tensor("t", (2,), "INT4", np.array([8, 0], np.int8)),
        Tensor("t", (2,), "INT8", None, Quantization(np.ones(3, np.float32), np.zeros(3))),
    ],
)
def test_inconsistent_tensor_is_refused(tmp_path: Path, tensor: Tensor) -> None:
    with pytest.raises(EmitError, match="MMC402"):
        write(Program([tensor]), tmp_path / "m.tflite")
    assert not list(tmp_path.iterdir())


def test_custom_operators_are_never_written(tmp_path: Path) -> None:
    with pytest.raises(EmitError, match="MMC402"):
        write(Program(operators=[Operator("CUSTOM", [], [])]), tmp_path / "m.tflite")


@given(bits=st.sampled_from([2, 4]), size=st.integers(0, 9), seed=st.integers(0, 99))
def test_unpack_inverts_pack(bits: int, size: int, seed: int) -> None:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    codes = np.random.default_rng(seed).integers(low, high, size, np.int8, endpoint=True)
    np.testing.assert_array_equal(unpack(pack(codes, bits), bits, size), codes)


def test_packing_is_lowest_bits_first() -> None:
    assert pack(np.array([1, -1, 2], np.int8), 4).tolist() == [0xF1, 0x02]
    assert pack(np.array([1, -1, -2, 0, 1], np.int8), 2).tolist() == [0b00_10_11_01, 0b01]


@pytest.fixture(scope="module", params=[FLATBUFFER_LIMIT, 0])
def artifact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fuzz") / "m.tflite"
    write(linear(quantized(4, 3, 5), normal(1, 3)), path, limit=request.param)
    return path


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_files_are_model_errors(artifact: Path, data: st.DataObject) -> None:
    content = bytearray(artifact.read_bytes())
    del content[data.draw(st.integers(0, len(content))) :]
    for _ in range(data.draw(st.integers(0, 4)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = artifact.with_name("damaged.tflite")
    damaged.write_bytes(content)
    with suppress(ModelError):
        read(damaged)


@settings(max_examples=300, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_a_flipped_byte_is_a_model_error_or_a_program(
    artifact: Path, place: float, value: int
) -> None:
    content = bytearray(artifact.read_bytes())
    content[int(place * len(content))] = value
    damaged = artifact.with_name("damaged.tflite")
    damaged.write_bytes(content)
    with suppress(ModelError):
        read(damaged)


def test_missing_file_and_folder_are_model_errors(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.tflite"):
        with pytest.raises(ModelError, match="MMC120"):
            read(path)
