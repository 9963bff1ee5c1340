"""The package in docs/plugin adds a pass, a rule and a backend to mmc by its entry points alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

PLUGIN = Path(__file__).parent.parent / "docs" / "plugin"
ROOT = PLUGIN.parent.parent
TEXT = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,4] x, float[1,4] z) => (float[1,4] y) <float[4] m = {0.0, 0.0, 0.0, 0.0}>
{ p = Mul(x, FACTOR)  s = Sqrt(p)  t = Add(s, m)  y = Softmax(t) }"""
SQUARE = TEXT.replace("FACTOR", "x").replace(", float[1,4] z", "")


def install(folder: Path, modules: dict[str, dict[str, str]]) -> dict[str, str]:
    """Make what pip leaves of a package, and return the environment that sees it."""
    info = folder / "mmc_example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mmc-example\nVersion: 1.0\n")
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in points.items())])
        for group, points in modules.items()
    ]
    (info / "entry_points.txt").write_text("\n\n".join(groups) + "\n")
    path = os.pathsep.join(map(str, (folder, PLUGIN, ROOT)))
    return {**os.environ, "PYTHONPATH": path}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    settings = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    return install(tmp_path_factory.mktemp("site"), settings["entry-points"])


def mmc(environment: dict[str, str], *words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "mmc", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    proto = onnx.parser.parse_model(SQUARE)
    mask = next(t for t in proto.graph.initializer if t.name == "m")
    mask.CopyFrom(onnx.numpy_helper.from_array(np.array([0, -np.inf, 0, 0], np.float32), "m"))
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    onnx.save(proto, path)
    return path


def run(path: Path, x: np.ndarray) -> np.ndarray:
    found: np.ndarray = ort.InferenceSession(str(path)).run(None, {"x": x})[0]
    return found


def test_lists_name_them(environment: dict[str, str]) -> None:
    assert "bound-masks{limit=10000.0}" in mmc(environment, "passes")
    assert "recognize/sqrt-of-square" in mmc(environment, "rules")
    assert "plain" in mmc(environment, "targets").split()
    code = "from mmc import plugins; print(plugins.installed())"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "('mmc-example 1.0', 'mmc.backends', 'mmc_example.plain')" in done.stdout


def test_the_pass_and_the_rule_run(
    environment: dict[str, str], model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o.onnx"
    passes = "recognize,eliminate-dead-code,bound-masks{limit=50.0}"
    mmc(environment, "opt", str(model), "-p", passes, "-o", str(out), "--check")
    made = onnx.load(out)
    assert [node.op_type for node in made.graph.node] == ["Abs", "Add", "Softmax"]
    constants = [onnx.numpy_helper.to_array(t) for t in made.graph.initializer]
    assert min(c.min() for c in constants) == -50
    x = np.array([[-1, 2, -3, 4]], np.float32)
    assert np.allclose(run(out, x), run(model, x), atol=1e-6)


def test_the_rule_refuses(environment: dict[str, str], tmp_path: Path) -> None:
    proto = onnx.parser.parse_model(TEXT.replace("FACTOR", "z"))
    onnx.save(proto, tmp_path / "m.onnx")
    words = ["opt", str(tmp_path / "m.onnx"), "--explain", "sqrt-of-square"]
    assert "the factors are not one value" in mmc(
        environment, *words, "-o", str(tmp_path / "o.onnx")
    )


def test_the_backend_compiles_and_is_verified(environment: dict[str, str], tmp_path: Path) -> None:
    proto = onnx.parser.parse_model(SQUARE)
    onnx.save(proto, tmp_path / "m.onnx")
    out = tmp_path / "m.plain"
    words = ["compile", str(tmp_path / "m.onnx"), "--target", "plain", "-o", str(out), "--json"]
    told = json.loads(mmc(environment, *words))
    assert told["verification"]["passed"] is True
    assert told["layers"][0]["kind"] == "Abs"
    x = np.array([[-1, 2, -3, 4]], np.float32)
    assert np.allclose(run(out, x), run(tmp_path / "m.onnx", x), atol=1e-6)
    assert "Abs" in mmc(environment, "show", str(out))


@pytest.mark.parametrize(("target", "refused"), [("chip_a1", 1), ("chip_a2", 0)])
def test_a_target_alone_is_held_against_its_table(
    environment: dict[str, str], tmp_path: Path, target: str, refused: int
) -> None:
    onnx.save(onnx.parser.parse_model(SQUARE), tmp_path / "m.onnx")
    out = tmp_path / "m.tflite"
    words = [str(tmp_path / "m.onnx"), "--target", target]
    told = json.loads(mmc(environment, "compile", *words, "-o", str(out), "--json"))
    assert told["verification"]["passed"] is True
    assert told["operators"]["kinds"] == {"ABS": 1, "SOFTMAX": 1}
    assert told["operators"]["on_npu"] == 2 - refused
    assert [d["fix"] for d in told["diagnostics"]] == ["use chip_a2"] * refused


def test_its_own_tests_pass(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(PLUGIN)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("... ")


def test_without_the_package_there_is_no_such_target(model: Path) -> None:
    command = [sys.executable, "-m", "mmc", "compile", str(model), "--target", "plain"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert "MMC200" in done.stderr


@pytest.mark.parametrize(
    "text", ["raise ImportError('no luck')", "from mmc_example.rules import *"]
)
def test_a_plugin_that_cannot_be_loaded_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken_plugin.py").write_text(text + "\nimport nothing_of_this_name\n")
    environment = install(tmp_path, {"mmc.rules": {"bad": "broken_plugin"}})
    said = mmc(environment, "rules", code=2)
    assert "MMC013" in said
    assert "broken_plugin" in said
