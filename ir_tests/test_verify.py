"""Verification on hand-made artifacts: right ones pass, each kind of wrong one has its code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import numpy_helper, parser

from ir_tests.arrays import normal
from mmc.backends.tflite.flatbuffer import write
from mmc.backends.tflite.program import Operator, Program, Tensor
from mmc.diagnostics import VerifyError
from mmc.ir import load
from mmc.verification.casting import Array
from mmc.verification.execute import Run
from mmc.verification.result import VerifyResult
from mmc.verification.trial import Subject
from mmc.verification.verify import examine, verify


@dataclass
class Options:
    """The compile options that verification reads."""

    inputs: Mapping[str, Array] | None = None
    inputs_from: str = "given inputs"
    constants: Mapping[str, Array] = field(default_factory=dict)
    seed: int = 0
    io_layout: str = "keep"
    weights: str = "float32"
    precision: str = "float32"


W, B = normal(3, 5), normal(3, seed=1)


def save_onnx(path: Path, text: str, **constants: Array) -> Path:
    proto = parser.parse_model('<ir_version: 10, opset_import: ["" : 21]>' + text)
    proto.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in constants.items())
    onnx.save(proto, path)
    return path


def linear_onnx(path: Path, rows: str = "2", w: Array = W) -> Path:
    text = f"g (float[{rows},5] x) => (float[{rows},3] y) {{ y = Gemm<transB = 1>(x, w, b) }}"
    return save_onnx(path, text, w=w, b=B)


def linear_tflite(path: Path, w: Array = W, bias: Array = B) -> Path:
    tensors = [
        Tensor("x", (2, 5), "FLOAT32"),
        Tensor("w", (3, 5), "FLOAT32", w),
        Tensor("b", (3,), "FLOAT32", bias),
        Tensor("y", (2, 3), "FLOAT32"),
    ]
    op = Operator("FULLY_CONNECTED", [0, 1, 2], [3], schema.FullyConnectedOptionsT())
    write(Program(tensors, [op], [("x", 0)], [("y", 3)]), path)
    return path


def check(artifact: Path, original: Path, final: Path, **options: object) -> VerifyResult:
    chosen = replace(Options(), **options)  # type: ignore[arg-type]
    last = chosen.io_layout == "nhwc"
    subject = Subject(artifact, final, original, chosen.constants, last)
    return examine(subject, load(final), chosen)


def codes(result: VerifyResult) -> list[str]:
    return [d.code for d in result.diagnostics]


def test_a_right_artifact_passes(tmp_path: Path) -> None:
    original = linear_onnx(tmp_path / "a.onnx", rows="N")
    final = linear_onnx(tmp_path / "b.onnx")
    artifact = linear_tflite(tmp_path / "m.tflite")
    result = verify(artifact, original, final, model=load(final), options=Options(seed=3))
    assert result.passed
    assert not result.diagnostics
    assert result.seed == 3
    assert result.reference == "the original model"
    (output,) = result.outputs
    assert output.accuracy is not None
    assert min(output.emission.sqnr_db, output.accuracy.sqnr_db) > 100
    assert result.to_json()["passed"] is True


def test_a_wrong_artifact_fails_twice(tmp_path: Path) -> None:
    model = linear_onnx(tmp_path / "a.onnx")
    artifact = linear_tflite(tmp_path / "m.tflite", w=W * np.float32(1.001))
    result = check(artifact, model, model)
    assert codes(result) == ["MMC410", "MMC411"]
    assert 50 < result.outputs[0].emission.sqnr_db < 70
    with pytest.raises(VerifyError, match="MMC410"):
        verify(artifact, model, model, model=load(model), options=Options())


def test_a_wrong_pass_fails_accuracy_only(tmp_path: Path) -> None:
    original = linear_onnx(tmp_path / "a.onnx")
    final = linear_onnx(tmp_path / "b.onnx", w=-W)
    artifact = linear_tflite(tmp_path / "m.tflite", w=-W)
    assert codes(check(artifact, original, final)) == ["MMC411"]
    assert codes(check(artifact, original, final, weights="int8")) == []


def test_nan_in_another_place(tmp_path: Path) -> None:
    model = linear_onnx(tmp_path / "a.onnx")
    bias = np.array([np.nan, *B[1:]], np.float32)
    result = check(linear_tflite(tmp_path / "m.tflite", bias=bias), model, model)
    assert codes(result) == ["MMC412", "MMC412"]


def test_an_artifact_that_does_not_run(tmp_path: Path) -> None:
    model = linear_onnx(tmp_path / "a.onnx")
    artifact = tmp_path / "m.tflite"
    artifact.write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    result = check(artifact, model, model)
    assert codes(result) == ["MMC413"]
    assert not result.passed


def test_given_inputs_and_bound_constants(tmp_path: Path) -> None:
    text = "g (float[N,5] x, float[3] b) => (float[N,3] y) { y = Gemm<transB = 1>(x, w, b) }"
    original = save_onnx(tmp_path / "a.onnx", text, w=W)
    final = linear_onnx(tmp_path / "b.onnx")
    artifact = linear_tflite(tmp_path / "m.tflite")
    result = check(
        artifact, original, final, inputs={"x": normal(2, 5, seed=7)}, constants={"b": B}
    )
    assert result.passed
    assert result.seed is None
    wrong = check(artifact, original, final, inputs={"z": normal(2, 5, seed=7)}, constants={"b": B})
    assert codes(wrong) == ["MMC413"]


def test_a_reference_that_does_not_load_is_replaced(tmp_path: Path) -> None:
    text = "g (float[2,5] x) => (float[2,3] y) { y = Unheard(x, w, b) }"
    original = save_onnx(tmp_path / "a.onnx", text, w=W, b=B)
    final = linear_onnx(tmp_path / "b.onnx")
    result = check(linear_tflite(tmp_path / "m.tflite"), original, final)
    assert result.reference == "the final IR only"
    assert "MMC415" in codes(result)
    assert result.passed
    assert result.outputs[0].accuracy is None


def test_constant_outputs_are_warned_about(tmp_path: Path) -> None:
    model = linear_onnx(tmp_path / "a.onnx", w=np.zeros_like(W))
    artifact = linear_tflite(tmp_path / "m.tflite", w=np.zeros_like(W))
    assert codes(check(artifact, model, model)) == []  # the rows are equal, the columns differ
    text = "g (float[2,5] x) => (float[2,3] y) { y = Gemm<transB = 1>(x, w) }"
    zero = save_onnx(tmp_path / "z.onnx", text, w=np.zeros_like(W))
    still = linear_tflite(tmp_path / "z.tflite", w=np.zeros_like(W), bias=np.zeros_like(B))
    assert codes(check(still, zero, zero)) == ["MMC414"]


ARGMAX = """g (float[2,4] x) => (int64[2] y) {
    s = Add(x, offset)  i = ArgMax<axis = 1, keepdims = 0>(s)  y = Identity(i) }"""


def argmax_tflite(path: Path, offset: Array) -> Path:
    tensors = [
        Tensor("x", (2, 4), "FLOAT32"),
        Tensor("offset", (4,), "FLOAT32", offset),
        Tensor("s", (2, 4), "FLOAT32"),
        Tensor("axis", (), "INT32", np.array(1, np.int32)),
        Tensor("y", (2,), "INT32"),
    ]
    options = schema.ArgMaxOptionsT(outputType=schema.TensorType.INT32)
    operators = [
        Operator("ADD", [0, 1], [2], schema.AddOptionsT()),
        Operator("ARG_MAX", [2, 3], [4], options),
    ]
    write(Program(tensors, operators, [("x", 0)], [("y", 4)]), path)
    return path


def test_an_index_may_differ_between_ties_only(tmp_path: Path) -> None:
    zeros = np.zeros(4, np.float32)
    model = save_onnx(tmp_path / "a.onnx", ARGMAX, offset=zeros)
    feeds = {"x": np.array([[1, 1, 0, -1], [0, 2, 1, 0]], np.float32)}
    nudged = argmax_tflite(tmp_path / "m.tflite", np.array([0, 1e-6, 0, 0], np.float32))
    assert codes(check(nudged, model, model, inputs=feeds)) == []
    pushed = argmax_tflite(tmp_path / "n.tflite", np.array([0, 0, 1.5, 0], np.float32))
    assert codes(check(pushed, model, model, inputs=feeds)) == ["MMC410", "MMC411"]


CONV = """g (float[1,2,3,3] x) => (float[1,4,3,3] y) { y = Conv(x, w) }"""


def test_images_change_their_layout(tmp_path: Path) -> None:
    w = normal(4, 2, 1, 1)
    original = save_onnx(tmp_path / "a.onnx", CONV, w=w)
    final = save_onnx(
        tmp_path / "b.onnx",
        """g (float[1,3,3,2] x) => (float[1,3,3,4] y) { c = Transpose<perm = [0,3,1,2]>(x)
        d = Conv(c, w)  y = Transpose<perm = [0,2,3,1]>(d) }""",
        w=w,
    )
    tensors = [
        Tensor("x", (1, 3, 3, 2), "FLOAT32"),
        Tensor("w", (4, 1, 1, 2), "FLOAT32", w.transpose(0, 2, 3, 1).copy()),
        Tensor("b", (4,), "FLOAT32", np.zeros(4, np.float32)),
        Tensor("y", (1, 3, 3, 4), "FLOAT32"),
    ]
    op = Operator("CONV_2D", [0, 1, 2], [3], schema.Conv2DOptionsT(strideW=1, strideH=1))
    write(Program(tensors, [op], [("x", 0)], [("y", 3)]), tmp_path / "m.tflite")
    assert codes(check(tmp_path / "m.tflite", original, final, io_layout="nhwc")) == []
    assert codes(check(tmp_path / "m.tflite", original, final)) == ["MMC413"]


CHAIN = "g (float[2,5] x) => (float[2,3] y) { h = Gemm<transB = 1>(x, w, b)  y = Neg(h) }"


def chain_tflite(path: Path, w: Array) -> Path:
    tensors = [
        Tensor("x", (2, 5), "FLOAT32"),
        Tensor("w", (3, 5), "FLOAT32", w),
        Tensor("b", (3,), "FLOAT32", B),
        Tensor("h", (2, 3), "FLOAT32"),
        Tensor("y", (2, 3), "FLOAT32"),
    ]
    operators = [
        Operator("FULLY_CONNECTED", [0, 1, 2], [3], schema.FullyConnectedOptionsT()),
        Operator("NEG", [3], [4], schema.NegOptionsT()),
    ]
    write(Program(tensors, operators, [("x", 0)], [("y", 4)]), path)
    return path


class NoisyOptimizer(Subject):
    """As if ONNX Runtime's optimizer moved y, but nothing before it, to 50 dB."""

    def run_perturbed(
        self, feeds: Mapping[str, Array], draw: int, values: Sequence[str] = ()
    ) -> Run:
        run = self.run_reference(feeds, values)
        y = run.outputs["y"]
        return replace(run, outputs={**run.outputs, "y": y * np.float32(1 + 10**-2.5)})


def test_a_low_floor_hides_nothing_upstream(tmp_path: Path) -> None:
    model = save_onnx(tmp_path / "a.onnx", CHAIN, w=W, b=B)
    right = NoisyOptimizer(chain_tflite(tmp_path / "m.tflite", W), model, model)
    result = examine(right, load(model), Options())
    assert codes(result) == ["MMC416"]
    assert result.floor_db == pytest.approx(50, abs=1)
    assert result.inner == 1
    wrong = chain_tflite(tmp_path / "n.tflite", W * np.float32(1 + 10**-2.8))
    result = examine(replace(right, artifact=wrong), load(model), Options())
    assert codes(result) == ["MMC416", "MMC411"]
    assert "'h'" in result.errors[0].where


class VeryNoisyOptimizer(NoisyOptimizer):
    """As if ONNX Runtime's optimizer moved y to 10 dB."""

    def run_perturbed(
        self, feeds: Mapping[str, Array], draw: int, values: Sequence[str] = ()
    ) -> Run:
        run = self.run_reference(feeds, values)
        y = run.outputs["y"]
        return replace(run, outputs={**run.outputs, "y": y * np.float32(1 + 10**-0.5)})


def test_a_low_floor_of_float32_is_said_of_float16_too(tmp_path: Path) -> None:
    model = save_onnx(tmp_path / "a.onnx", CHAIN, w=W, b=B)
    far = chain_tflite(tmp_path / "m.tflite", W * np.float32(1 + 10**-0.6))
    half = Options(precision="float16")
    result = examine(VeryNoisyOptimizer(far, model, model), load(model), half)
    assert codes(result) == ["MMC416"]
    assert result.outputs[0].emission.sqnr_db < 20
    assert codes(examine(NoisyOptimizer(far, model, model), load(model), half)) == ["MMC410"]


class RareAmplifier(Subject):
    """As if rounding moved y to 50 dB, but not in the first draw."""

    def run_perturbed(
        self, feeds: Mapping[str, Array], draw: int, values: Sequence[str] = ()
    ) -> Run:
        run = self.run_reference(feeds, values)
        y = run.outputs["y"]
        noise = 10**-2.5 if draw > 1 else 0
        return replace(run, outputs={**run.outputs, "y": y * np.float32(1 + noise)})


@pytest.mark.parametrize(("error_db", "passes"), [(45, True), (35, False)])
def test_one_draw_may_miss_what_rounding_does(tmp_path: Path, error_db: int, passes: bool) -> None:
    model = save_onnx(tmp_path / "a.onnx", CHAIN, w=W, b=B)
    off = np.float32(1 + 10 ** (-error_db / 20))
    artifact = chain_tflite(tmp_path / "m.tflite", W * off)
    result = examine(RareAmplifier(artifact, model, model), load(model), Options())
    assert ("MMC410" not in codes(result)) == passes
    assert result.floor_db == pytest.approx(50, abs=1)
