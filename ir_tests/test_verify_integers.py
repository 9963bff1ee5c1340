"""Integer artifacts are judged operator by operator: depth is forgiven, a wrong operator is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import mmc
from ir_tests.arrays import normal
from ir_tests.compiling import compile_on
from mmc.backends.tflite.backend import TfliteBackend
from mmc.backends.tflite.pieces import pieces
from mmc.backends.tflite.program import Operator, Program, Quantization, Tensor
from mmc.diagnostics import MmcError
from mmc.ir import parse, save
from mmc.verification.pieces import judged
from mmc.verification.result import VerifyResult
from mmc.verification.totals import slack_db

DEPTH = 40
Damage = Callable[[Program], None]


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a net of many layers, and data for it."""
    folder = tmp_path_factory.mktemp("deep")
    names = [f"t{i}" for i in range(DEPTH + 1)]
    lines = [
        f"p{i} = MatMul ({names[i]}, w{i})  {names[i + 1]} = HardSwish (p{i})"
        for i in range(DEPTH - 1)
    ]
    lines.append(f"{names[-1]} = MatMul ({names[-2]}, w{DEPTH - 1})")
    text = f"""<ir_version: 13, opset_import: ["" : 25]>
        g (float[4,32] {names[0]}) => (float[4,32] {names[-1]}) {{ {"  ".join(lines)} }}"""
    weights = {f"w{i}": normal(32, 32, seed=i) / np.float32(3) for i in range(DEPTH)}
    save(parse(text, **weights), folder / "m.onnx")
    np.savez(folder / "d.npz", t0=normal(16, 4, 32, seed=99))
    return folder


def compiled(folder: Path, monkeypatch: pytest.MonkeyPatch, damage: Damage | None) -> VerifyResult:
    """Compile; `damage` changes the program just before it is written."""
    write = TfliteBackend.write

    def damaged(program: Program, path: Path) -> None:
        if damage is not None:
            damage(program)
        write(program, path)

    monkeypatch.setattr(TfliteBackend, "write", staticmethod(damaged))
    result = mmc.compile(
        folder / "m.onnx",
        target="cpu",
        output=folder / "m.tflite",
        weights="int8",
        activations="int8",
        calibration=folder / "d.npz",
        inputs={"t0": normal(4, 32, seed=3)},
    )
    assert result.verification is not None
    return result.verification


def test_rounding_that_adds_up_is_no_fault(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compiled(deep, monkeypatch, None)
    (output,) = found.outputs
    assert output.emission.sqnr_db < 40
    assert [d.code for d in found.diagnostics] == ["MMC418"]
    assert found.inner >= DEPTH


def test_what_the_last_kernel_may_be_off_is_no_fault_of_an_output_near_0(tmp_path: Path) -> None:
    """LiteRT's sigmoid of 16 bits is never 0: a code is more than all of these outputs."""
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]> g (float[4,32] x) => (float[4,16] y) {
        h = Gemm(x, w, b)  y = Sigmoid(h) }""",
        w=normal(32, 16, seed=1) / np.float32(8),
        b=np.full(16, -12, np.float32),
    )
    w8a16 = {"target": "hexagon_v73", "weights": "int8", "activations": "int16"}
    found = compile_on(tmp_path, model, {"x": normal(8, 4, 32, seed=2)}, **w8a16).verification
    assert found is not None
    assert found.outputs[0].emission.sqnr_db < 0
    (note,) = [d for d in found.diagnostics if d.code == "MMC418"]
    assert "no number is off by" in note.why


def layer(program: Program, part: float) -> Operator:
    """Return an integer layer, by how far down it is: islands of floats are left out."""
    layers = [op for op in program.operators if op.code == "FULLY_CONNECTED"]
    coded = [op for op in layers if program.tensors[op.inputs[1]].dtype == "INT8"]
    return coded[int(part * (len(coded) - 1))]


def stronger_weights(program: Program) -> None:
    """Scale the weights of one inner layer by 1.1."""
    scale_weights(program, 0.5, 1.1)


def scale_weights(program: Program, part: float, factor: float) -> None:
    weights = program.tensors[layer(program, part).inputs[1]]
    assert weights.quantization is not None
    weights.quantization.scale = weights.quantization.scale * np.float32(factor)


def another_activation(program: Program) -> None:
    vars(layer(program, 0.5).options)["fusedActivationFunction"] = 1


def another_operand(program: Program) -> None:
    layer(program, 0.5).inputs[0] = layer(program, 0.3).inputs[0]


@pytest.mark.parametrize("damage", [stronger_weights, another_activation, another_operand])
def test_one_wrong_operator_is_found(
    deep: Path, damage: Damage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MmcError) as caught:
        compiled(deep, monkeypatch, damage)
    assert caught.value.diagnostics[0].code == "MMC417"


def test_the_whole_counts_too(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no operator shows alone: here, the comparison of operators is told to find nothing."""
    monkeypatch.setattr("mmc.verification.pieces.compare_pieces", lambda *_: [])
    with pytest.raises(MmcError, match="MMC410"):
        compiled(deep, monkeypatch, lambda program: scale_weights(program, 1, 4))


def test_floats_that_codes_stand_for_may_be_a_step_off() -> None:
    """The tensor between a kernel and DEQUANTIZE has no name in the final IR."""
    scale = Quantization(np.full(1, 0.5, np.float32), np.zeros(1, np.int64))
    coded = [Tensor(n, (4,), "INT8", None, scale) for n in "ab"]
    tensors = [*coded, Tensor("c", (4,), "FLOAT32"), Tensor("d", (4,), "FLOAT32")]
    operators = [
        Operator("RELU", [0], [1]),
        Operator("DEQUANTIZE", [1], [2]),
        Operator("RELU", [2], [3]),
    ]
    program = Program(tensors, operators, [("a", 0)], [("d", 3)])
    (piece,) = pieces(program, dict.fromkeys("acd", (4,)))
    expected = np.array([0, 0.5, 1, 2], np.float32)
    assert judged("c", expected, expected + np.float32([0, 0, 0.5, 0]), piece).passes
    assert not judged("c", expected, expected + np.float32([0, 0, 1, 0]), piece).passes
    (alone,) = pieces(program, dict.fromkeys("abcd", (4,)))
    assert not judged("c", expected, expected + np.float32([0, 0, 0.5, 0]), alone).passes


def test_a_table_of_16_bits_is_off_where_its_result_saturates(tmp_path: Path) -> None:
    """LiteRT's GELU joins entries of a table by lines; the corner lies between two."""
    scales = [Quantization(np.float32([s / 32767]), np.zeros(1, np.int64)) for s in (9.2, 4.5)]
    tensors = [Tensor(n, (20000,), "INT16", None, q) for n, q in zip("ab", scales, strict=True)]
    program = Program(tensors, [Operator("GELU", [0], [1])], [("a", 0)], [("b", 1)])
    program.operators[0].options = schema.GeluOptionsT()
    (piece,) = pieces(program, dict.fromkeys("ab", (20000,)))
    TfliteBackend.write(piece.program, tmp_path / "gelu.tflite")
    codes = np.arange(10000, 30000, dtype=np.int16)
    (made,) = mmc.run(tmp_path / "gelu.tflite", {"a": codes}).values()
    x = codes * np.float64(scales[0].scale[0])
    exact = np.minimum(x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2, 4.5)
    off = judged("b", exact.astype(np.float32), made, piece)
    assert off.passes
    assert off.steps > 4
    scales[1].scale[:] = scales[0].scale  # nothing saturates
    (plain,) = pieces(program, dict.fromkeys("ab", (20000,)))
    assert judged("b", exact.astype(np.float32), made, plain).allowed == 4


def test_slack_is_for_few_numbers() -> None:
    """The ratio of two energies of n normal numbers is within the slack, as good as always."""
    rng = np.random.default_rng(0)
    for count in (2, 10, 1000):
        a, b = ((rng.standard_normal((4000, count)) ** 2).sum(axis=1) for _ in range(2))
        beyond = np.abs(10 * np.log10(a / b)) > slack_db(count)
        assert beyond.mean() < 1e-2


def test_replace_keeps_programs_apart() -> None:
    """Cutting copies: the program that was cut is the same afterwards."""
    scale = Quantization(np.ones(1, np.float32), np.zeros(1, np.int64))
    tensors = [Tensor(n, (4,), "INT8", None, scale) for n in "abc"]
    operators = [Operator("RELU", [0], [1]), Operator("RELU", [1], [2])]
    program = Program(tensors, operators, [("a", 0)], [("c", 2)])
    before = [replace(op) for op in operators], [replace(t) for t in tensors]
    (made,) = pieces(program, dict.fromkeys("abc", (4,)))
    assert (program.operators, program.tensors) == before
    assert sorted(made.inputs) == ["a", "b"]
    assert sorted(made.outputs) == ["b", "c"]
    (joined,) = pieces(program, dict.fromkeys("ac", (4,)))
    assert joined.operators == {"c": 2}
