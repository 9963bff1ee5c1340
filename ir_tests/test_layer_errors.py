"""The error of every operator of an artifact whose activations are codes, in another layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from ai_edge_litert.interpreter import Interpreter

from mmc.cli import main
from mmc.ir import parse, save

TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,8,10,10] x) => (float[1,16,8,8] y) { a = Conv(x, w) b = Relu(a) y = Conv(b, v) }"""


@pytest.fixture(params=["alike", "apart"])
def compiled(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder with model, data, artifact and report; `apart`: channels are equalized."""
    rng = np.random.default_rng(0)
    spread = 1.5 if request.param == "apart" else 0
    sizes = (10 ** rng.uniform(-spread, spread, 32)).astype(np.float32)
    arrays = {
        "w": rng.standard_normal((32, 8, 3, 3)).astype(np.float32) * sizes[:, None, None, None],
        "v": rng.standard_normal((16, 32, 1, 1)).astype(np.float32) / sizes[:, None, None],
    }
    save(parse(TEXT, **arrays), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=rng.standard_normal((16, 1, 8, 10, 10)).astype(np.float32))
    files = [str(tmp_path / name) for name in ("m.onnx", "d.npz", "m.tflite", "r.json")]
    command = f"--target cpu --weights int8 --activations int8 --calibration {files[1]}"
    looking = f"--check-layers --quiet --no-cache -o {files[2]} --report {files[3]}"
    assert main(["compile", files[0], *command.split(), *looking.split()]) == 0
    return tmp_path


def computed(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return what ONNX Runtime computes inside, and what the artifact's tensors stand for."""
    x = np.load(folder / "d.npz")["x"][0]
    model = onnx.load(folder / "m.onnx")
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in "ab")
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    original = dict(zip(names, session.run(None, {"x": x}), strict=True))
    path = str(folder / "m.tflite")
    lite = Interpreter(model_path=path, experimental_preserve_all_tensors=True)
    lite.allocate_tensors()
    lite.set_tensor(lite.get_input_details()[0]["index"], x)
    lite.invoke()
    found = {}
    for detail in lite.get_tensor_details():
        scale, zero = detail["quantization"]
        if scale and detail["dtype"] == np.int8:
            codes = lite.get_tensor(detail["index"]).astype(np.float64)
            found[detail["name"]] = (codes - zero) * scale
    return original, found


def test_codes_are_compared_as_numbers_in_the_layout_of_the_model(compiled: Path) -> None:
    """-70 dB stood there for a right layer: codes were held against floats."""
    original, made = computed(compiled)
    report = json.loads((compiled / "r.json").read_text())
    hidden = next(x for x in report["layers"] if x["output"].startswith("int8[1,8,8,32]"))
    expected = original["b"]
    error = expected - made[hidden["name"]].transpose(0, 3, 1, 2)
    wanted = 10 * np.log10((expected**2).sum() / (error**2).sum())
    if hidden["sqnr_db"] is None:  # scaled: no tensor of the model is this one
        assert wanted < 20
    else:
        assert hidden["sqnr_db"] == pytest.approx(wanted, abs=0.01)
        assert wanted > 30


def test_scaled_channels_are_no_tensor_of_the_model(
    compiled: Path, request: pytest.FixtureRequest
) -> None:
    """`--check-layers` called the scaled channels a change of what the model computes (MMC194)."""
    report = json.loads((compiled / "r.json").read_text())
    scaled = any(
        p["name"].startswith("equalize-channels") and p["changes"] for p in report["passes"]
    )
    assert scaled == ("apart" in request.node.name)
    hidden = next(x for x in report["layers"] if x["output"].startswith("int8[1,8,8,32]"))
    assert (hidden["sqnr_db"] is None) == scaled
