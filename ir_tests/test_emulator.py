"""Artifacts on Qualcomm's emulator of the NPU; `vendor` tests need the extra hexagon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx.parser
import pytest

import mmc
from mmc.backends.targets import vendor
from mmc.backends.tflite.context import contexts
from mmc.backends.tflite.emulator import coding, steps
from mmc.backends.tflite.io_codes import as_codes, as_numbers
from mmc.backends.tflite.reader import read
from mmc.cli import main
from mmc.diagnostics import EmitError, UsageError
from mmc.ir import parse, save
from mmc.reports.verification import verification

MODEL = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,8] x, float[1,8] z) => (float[1,8] y) { t = Add(x, z) y = Tanh(t) }"""
BETWEEN = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,8] x, float[1,8] z) => (float[1,8] y) {
    t = Add(x, z) n = Mod <fmod: int = 1> (t, z) y = Tanh(n) }"""
LARGE = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,8] x, float[1,8] z) => (float[1,8] y) { t = Mul(x, x) y = Add(t, z) }"""
HALF = 2.0**-10
"""Two roundings to float16 of numbers below 1."""


def compiled(text: str, folder: Path, **options: object) -> mmc.CompileResult:
    onnx.save(onnx.parser.parse_model(text), folder / "m.onnx")
    artifact = folder / "m.tflite"
    return mmc.compile(folder / "m.onnx", target="hexagon_v73", output=artifact, **options)  # type: ignore[arg-type]


def feeds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {n: rng.uniform(0.1, 0.9, (1, 8)).astype(np.float32) for n in "xz"}


@pytest.mark.vendor
def test_outputs_are_those_of_16_bit_floats(tmp_path: Path) -> None:
    compiled(MODEL, tmp_path, verify=False)
    given = feeds()
    found = mmc.run(tmp_path / "m.tflite", given, on="hexagon_v73")["y"]
    expected = np.tanh(given["x"] + given["z"])
    assert np.abs(found - expected).max() < 2 * HALF
    assert not np.array_equal(found, expected)  # the host's float32 would be nearer


@pytest.mark.vendor
def test_names_that_the_compiler_reads_as_one_are_two_tensors(tmp_path: Path) -> None:
    model = onnx.parser.parse_model(MODEL)
    names = {"x": "a.b", "z": "a/b", "t": "a_b", "y": "a:b"}
    for node in model.graph.node:
        node.input[:] = [names[n] for n in node.input]
        node.output[:] = [names[n] for n in node.output]
    for value in (*model.graph.input, *model.graph.output):
        value.name = names[value.name]
    onnx.save(model, tmp_path / "m.onnx")
    artifact = tmp_path / "m.tflite"
    made = mmc.compile(
        tmp_path / "m.onnx", target="hexagon_v73", output=artifact, vendor="", verify=False
    )
    assert [v.compiled for v in made.vendor] == [True]
    given = feeds()
    found = mmc.run(artifact, {names[n]: x for n, x in given.items()}, on="hexagon_v73")
    assert np.abs(found["a:b"] - np.tanh(given["x"] + given["z"])).max() < 2 * HALF


@pytest.mark.vendor
def test_what_is_refused_runs_between_two_contexts(tmp_path: Path) -> None:
    compiled(BETWEEN, tmp_path, verify=False, vendor="", aot=True)
    aot = tmp_path / "m.aot.tflite"
    assert [npu for npu, _ in steps(read(aot))] == [True, False, True]
    assert len(contexts(aot)) == 2
    given = feeds()
    given["z"] *= 4  # no remainder near a jump
    found = mmc.run(aot, given, on="hexagon_v73")["y"]
    assert np.allclose(found, np.tanh(np.fmod(given["x"] + given["z"], given["z"])), atol=1e-2)


@pytest.mark.vendor
def test_a_compile_reports_what_the_emulator_computes(tmp_path: Path) -> None:
    checked = compiled(MODEL, tmp_path, verify_on="htp").verification
    assert checked is not None
    (output,) = verification(checked).outputs
    assert output.emulated is not None
    assert output.emulated.sqnr_db is not None
    assert 50 < output.emulated.sqnr_db < 90  # float16 has 11 bits
    assert not checked.diagnostics


@pytest.mark.vendor
def test_an_overflow_of_16_bit_floats_is_found(tmp_path: Path) -> None:
    inputs = {"x": np.full((1, 8), 1000, np.float32), "z": np.ones((1, 8), np.float32)}
    found = compiled(LARGE, tmp_path, verify_on="htp", inputs=inputs).diagnostics
    assert [d.code for d in found if d.code != "MMC230"] == ["MMC238"]


def test_without_the_extra_a_run_is_refused_and_a_compile_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vendor, "missing", lambda: "onnxruntime-qnn is not installed")
    result = compiled(MODEL, tmp_path, verify_on="htp")
    assert [d.code for d in result.diagnostics] == ["MMC237"]
    assert result.artifact.exists()
    np.savez(tmp_path / "x.npz", **feeds())
    artifact, given, out = (str(tmp_path / n) for n in ("m.tflite", "x.npz", "y.npz"))
    command = ["run", artifact, "--on", "hexagon_v73", "--inputs", given]
    assert main([*command, "-o", out]) == 2
    assert "MMC424" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["crashes", "selects"])
def test_a_failure_of_the_compiler_is_an_error_of_the_run(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: object, **__: object) -> vendor.Answer:
        return vendor.Answer("v73", "crashed" if how == "crashes" else "not compiled", selected=2)

    monkeypatch.setattr(vendor, "missing", lambda: "")
    monkeypatch.setattr(vendor, "ask", ask)
    compiled(MODEL, tmp_path, verify=False)
    with pytest.raises(EmitError, match="MMC424"):
        mmc.run(tmp_path / "m.tflite", feeds(), on="hexagon_v73")


def test_the_emulator_takes_only_tflite(tmp_path: Path) -> None:
    onnx.save(onnx.parser.parse_model(MODEL), tmp_path / "m.onnx")
    with pytest.raises(UsageError, match="MMC012"):
        mmc.run(tmp_path / "m.onnx", feeds(), on="hexagon_v73")
    with pytest.raises(UsageError, match="MMC014"):
        mmc.compile(tmp_path / "m.onnx", target="cpu", verify_on="htp")


CODED = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,24] x) => (float[1,40] y) { a = MatMul(x, w) b = Relu(a) y = MatMul(b, v) }"""


@pytest.mark.vendor
def test_inputs_and_outputs_of_codes(tmp_path: Path) -> None:
    """Floats become the codes of an input, and outputs numbers; codes give codes."""
    rng = np.random.default_rng(0)
    shapes = {"w": (24, 48), "v": (48, 40)}
    weights = {n: rng.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
    save(parse(CODED, **weights), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=rng.standard_normal((32, 1, 24)).astype(np.float32))
    integers = {"weights": "int8", "activations": "int8", "io_dtype": "int8"}
    result = mmc.compile(
        tmp_path / "m.onnx",
        target="hexagon_v73",
        output=tmp_path / "m.tflite",
        calibration=tmp_path / "d.npz",
        verify_on="htp",
        **integers,  # type: ignore[arg-type]
    )
    assert not {"MMC237", "MMC238"} & {d.code for d in result.diagnostics}
    assert result.verification is not None
    emulated = result.verification.outputs[0].emulated
    assert emulated is not None
    assert emulated.sqnr_db > 25  # 8 bits: 50 dB less the square root of three roundings, and peaks
    x = rng.standard_normal((1, 24)).astype(np.float32)
    program = read(tmp_path / "m.tflite")
    kind, scale, zero = coding(program, program.inputs[0][1])
    codes = as_codes(x, kind, scale, zero)
    made = mmc.run(tmp_path / "m.tflite", {"x": codes}, on="hexagon_v73")["y"]
    real = mmc.run(tmp_path / "m.tflite", {"x": x}, on="hexagon_v73")["y"]
    assert (made.dtype, real.dtype) == (np.int8, np.float32)
    np.testing.assert_array_equal(as_numbers(made, *coding(program, program.outputs[0][1])), real)
