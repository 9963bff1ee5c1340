"""Names come from models: none moves the cursor, leaves a folder or becomes markup."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mmc.backends.tflite.names import Names
from mmc.cli import main

ESCAPE, MARKUP, PATH = "\x1b]0;owned\x07\x1b[2J", "</script><script>alert(1)</script>", "../../x"
RUDE = f"{PATH}{ESCAPE}{MARKUP}\r\u202e"
COMMANDS = {
    "compile tflite": "compile {m} --target cpu -o {out}/m.tflite --report {out}/r.html --time",
    "compile coreml": "compile {m} --target ane_ios18 -o {out}/m.mlpackage --report {out}/r.html",
    "compile json": "compile {m} --target cpu --json --no-verify -o {out}/m.tflite",
    "compile dump": "compile {m} --target cpu --no-verify -o {out}/m.tflite --dump-ir {out}/ir",
    "compile verbose": "compile {m} --target cpu --no-verify --verbose -o {out}/m.tflite",
    "check": "check {m} --target hexagon_v73",
    "cost": "cost {m} --target hexagon_v73",
    "opt": "opt {m} -o {out}/o.onnx",
    "explain": "opt {m} --explain conv-bn -o {out}/o.onnx",
    "quantize": "quantize {m} --weights int8 -o {out}/q.onnx",
    "show": "show {m} --stats",
    "show json": "show {m} --json",
    "show page": "show {m} --html {out}/s.html",
    "diff": "diff {m} {m}",
    "diff numbers": "diff {m} {m} --inputs {x} --verbose",
    "reduce": "reduce {m} -o {out}/r.onnx --seconds 30 -- test ! -s {{}}",
    "sensitivity": "sensitivity {m} --calibration {x} --verbose --report {out}/s.svg",
    "weights": "quantize {m} --weights int8 --calibration {x} --verbose -o {out}/w.onnx",
    "extract": "extract {m} --to nobody -o {out}/e.onnx",
    "bisect": "bisect {m} --target cpu",
    "unknown input": "compile {m} --target cpu --input-shape nobody:1 -o {out}/m.tflite",
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a model all of whose names are rude."""
    weight = np.linspace(-1, 1, 64 * 64).reshape(64, 64).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", [f"x{RUDE}", f"w{RUDE}"], [f"h{RUDE}"], name=RUDE),
        helper.make_node("Sin", [f"h{RUDE}"], [f"y{RUDE}"], name=f"{RUDE}2"),
    ]
    shape = [1, 64]
    graph = helper.make_graph(
        nodes,
        RUDE,
        [helper.make_tensor_value_info(f"x{RUDE}", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"y{RUDE}", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weight, f"w{RUDE}")],
    )
    path = tmp_path / "in" / "m.onnx"
    path.parent.mkdir()
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    made.producer_name = RUDE
    onnx.save(made, path)
    return path


@pytest.mark.parametrize("name", COMMANDS)
def test_names_are_only_text(
    name: str,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)
    words = COMMANDS[name].split()
    samples = tmp_path / "x.npz"
    feed = np.random.default_rng(0).standard_normal((1, 64)).astype(np.float32)
    np.savez(samples, **{f"x{RUDE}": feed})
    assert main([w.format(m=model, out=out, x=samples) for w in words]) in (0, 1, 2)
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert not set("\x1b\x07\r\u202e") & set(text)
        assert "Traceback" not in text
        assert "MMC001" not in text
    assert {p.name for p in tmp_path.iterdir()} == {"in", "out", "x.npz"}
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["m.onnx"]
    for page in (*out.glob("*.html"), *out.glob("*.svg")):
        assert MARKUP not in page.read_text()


def test_names_of_artifacts_are_only_text(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for target, file in (("cpu", "m.tflite"), ("ane_ios18", "m.mlpackage")):
        artifact = str(tmp_path / file)
        options = ["--no-verify", "--quiet", "-o", artifact]
        assert main(["compile", str(model), "--target", target, *options]) == 0
        for command in (["show"], ["show", "--deploy"], ["show", "--html", f"{artifact}.html"]):
            main([command[0], artifact, *command[1:]])
        np.savez(tmp_path / "x.npz", y=np.zeros((1, 64), np.float32))
        main(["run", artifact, "--inputs", str(tmp_path / "x.npz"), "-o", f"{artifact}.npz"])
    printed = capsys.readouterr()
    assert not set("\x1b\x07\r\u202e") & set(printed.out + printed.err)
    assert "MMC001" not in printed.err
    for page in tmp_path.glob("*.html"):
        assert MARKUP not in page.read_text()


def test_no_two_tensors_have_names_that_a_reader_may_take_for_one() -> None:
    names = Names()
    given = ["a.b", "a/b", "a.b", "a", "a", "a__1", "a", "输入", "输出", "a_b"]
    assert [names.free(name) for name in given] == [
        *("a.b", "a/b__1", "a.b__2", "a", "a__1", "a__1__1", "a__2"),
        *("输入", "输出__1", "a_b__3"),
    ]
