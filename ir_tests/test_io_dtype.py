"""`--io-dtype int8`: an interpreter of its own is fed with codes, and gives codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mmc
from ir_tests.arrays import normal
from mmc.cli import main
from mmc.diagnostics import UsageError
from mmc.ir import Array, parse, save
from mmc.result import CompileResult

TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,24] x, int64[1] place) => (float[1,40] y, float[1,40] z) {
    a = MatMul(x, first)
    b = Relu(a)
    y = MatMul(b, second)
    t = Gather(table, place)
    z = Exp(t)
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model with an output that floats make, and data."""
    made = tmp_path_factory.mktemp("io")
    arrays = {"first": normal(24, 48), "second": normal(48, 40), "table": 0.1 * normal(9, 40)}
    save(parse(TEXT, **arrays), made / "m.onnx")
    places = np.arange(32).reshape(32, 1) % 9
    np.savez(made / "d.npz", x=normal(32, 24, seed=1), place=places)
    return made


def compiled(folder: Path, io_dtype: str, target: str = "cpu", **given: Any) -> CompileResult:
    return mmc.compile(
        folder / "m.onnx",
        target=target,
        output=folder / f"{target}.{io_dtype}.tflite",
        weights="int8",
        activations="int8",
        calibration=folder / "d.npz",
        io_dtype=io_dtype,
        **given,
    )


def ends(path: Path) -> dict[str, dict[str, Any]]:
    """Return what LiteRT says of the signature's tensors."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path)).get_signature_runner()
    return {**runner.get_input_details(), **runner.get_output_details()}


def run(path: Path, feeds: dict[str, Array]) -> dict[str, Array]:
    """Run in LiteRT itself."""
    from ai_edge_litert.interpreter import Interpreter

    found: dict[str, Array] = Interpreter(str(path)).get_signature_runner()(**feeds)
    return found


@pytest.mark.parametrize("target", ["cpu", "hexagon_v73"])
def test_codes_in_and_codes_out(folder: Path, target: str) -> None:
    floats = compiled(folder, "float", target, verify=False)
    codes = compiled(folder, "int8", target)
    assert codes.verification is not None
    assert codes.verification.passed
    told = ends(codes.artifact)
    assert told["x"]["dtype"] == told["y"]["dtype"] == np.int8
    assert ends(floats.artifact)["x"]["dtype"] == np.float32
    fed = np.random.default_rng(3).integers(-128, 128, (1, 24)).astype(np.int8)
    scale, zero = told["x"]["quantization"]
    place = np.array([4], told["place"]["dtype"])
    expected = run(floats.artifact, {"x": (fed - np.float32(zero)) * scale, "place": place})["y"]
    found = run(codes.artifact, {"x": fed, "place": place})["y"]
    scale, zero = told["y"]["quantization"]
    np.testing.assert_allclose((found - np.float32(zero)) * np.float32(scale), expected, rtol=1e-6)
    assert codes.ops.get("QUANTIZE", 0) < floats.ops["QUANTIZE"]


def test_what_floats_make_stays_float_and_is_named(folder: Path) -> None:
    result = compiled(folder, "int8", verify=False)
    assert ends(result.artifact)["z"]["dtype"] == np.float32
    (note,) = [d for d in result.diagnostics if d.code == "MMC313"]
    assert note.where == "output 'z'"


def test_floats_are_taken_too(folder: Path) -> None:
    result = compiled(folder, "int8", verify=False)
    feeds = {"x": normal(1, 24, seed=9), "place": np.array([2])}
    original, actual = mmc.run(folder / "m.onnx", feeds), mmc.run(result.artifact, feeds)
    error = np.abs(original["y"] - actual["y"]).max() / np.abs(original["y"]).max()
    assert error < 0.05
    np.testing.assert_allclose(original["z"], actual["z"], rtol=2e-3)  # 8-bit table


def test_the_metric_is_of_numbers(folder: Path) -> None:
    np.savez(folder / "e.npz", x=normal(8, 24, seed=5), place=np.zeros((8, 1), np.int64))
    given: dict[str, Any] = {"evaluation": folder / "e.npz", "metric": "sqnr", "verify": False}
    drops = [compiled(folder, kind, **given).evaluation for kind in ("float", "int8")]
    assert drops[0] is not None
    assert drops[1] is not None
    assert drops[1].drop_percent == pytest.approx(drops[0].drop_percent, abs=0.01)


@pytest.mark.parametrize(
    ("target", "options", "code"),
    [
        ("cpu", [], "MMC305"),
        ("ane_ios18", [], "MMC011"),
        ("cpu", ["--activations", "int16"], "305"),
    ],
)
def test_where_it_cannot_be(
    target: str, options: list[str], code: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compile", str(folder / "m.onnx"), "--target", target, "--io-dtype", "int8"]
    out = folder / ("no.tflite" if target == "cpu" else "no.mlpackage")
    data = ["--weights", "int8", "--calibration", str(folder / "d.npz")] if options else []
    assert main([*command, *options, *data, "-o", str(out)]) == 2
    assert code in capsys.readouterr().err
    with pytest.raises(UsageError):
        mmc.compile(folder / "m.onnx", target=target, io_dtype="int8", output=out)
