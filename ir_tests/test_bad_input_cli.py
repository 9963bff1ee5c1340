"""Bad input through the command line: a coded message, the right exit code, nothing left behind."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import golden_models
import mmc
from mmc import cli
from mmc.cli import main
from mmc.flexible import Sizes
from mmc.given_shapes import dims_of, shapes_of

PNET = golden_models.path("mtcnn_pnet")
SHAPE = ("--input-shape", "x:1,3,60,80")


def compile_file(path: Path, tmp_path: Path, *options: str) -> int:
    out = tmp_path / "out" / "m.tflite"
    out.parent.mkdir()
    code = main(["compile", str(path), "--target", "hexagon_v73", "-o", str(out), *options])
    assert list(out.parent.iterdir()) == []
    return code


def assert_coded(capsys: pytest.CaptureFixture[str], code: str) -> None:
    text = capsys.readouterr().err
    # on a slow machine, lines of progress come first
    assert re.search(rf"^error\[{code}\] ", text, re.MULTILINE), text
    assert "Traceback" not in text


CONTENTS = {
    "MMC102 empty": b"",
    "MMC103 text": b"this is no model\n" * 20,
    "MMC103 noise": bytes(range(255, 0, -1)) * 20,
    "MMC103 zip": b"PK\x03\x04" + bytes(100),
    "MMC10[235] half": PNET.read_bytes()[: PNET.stat().st_size // 2],
}


@pytest.mark.parametrize("case", CONTENTS)
def test_file_contents(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(CONTENTS[case])
    assert compile_file(path, tmp_path) == 2
    assert_coded(capsys, case.split()[0])


@pytest.mark.parametrize("name", ["", "absent.onnx"])
def test_no_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_file(tmp_path / name, tmp_path) == 2
    assert_coded(capsys, "MMC101")


OPTIONS = {
    "no shape": ("MMC115", ()),
    "no colon": ("MMC004", ("--input-shape", "x")),
    "bad size": ("MMC004", ("--input-shape", "x:1,a")),
    "negative": ("MMC004", ("--input-shape", "x:1,-3")),
    "huge": ("MMC004", ("--input-shape", "x:99999999999")),
    "bad dim": ("MMC005", ("--dim", "n")),
    "unknown dim": ("MMC117", ("--dim", "nope=3", *SHAPE)),
    "unknown input": ("MMC117", ("--input-shape", "y:1", *SHAPE)),
    "wrong rank": ("MMC116", ("--input-shape", "x:1,3,60")),
    "bad const": ("MMC006", ("--const", "x")),
    "const code": ("MMC006", ("--const", "x=__import__('os')", *SHAPE)),
    "const file": ("MMC007", ("--const", "x=@nope.npz", *SHAPE)),
    "inputs file": ("MMC007", ("--inputs", "nope.npz", *SHAPE)),
    "layout": ("MMC003", ("--io-layout", "nchw", *SHAPE)),
    "unknown option": ("MMC003", ("--io-layuot", "nhwc")),
    "auto without data": ("MMC308", ("--weights", "auto", *SHAPE)),
    "io dtype": ("MMC305", ("--io-dtype", "int8", *SHAPE)),
    "no size": ("MMC511", ("--max-size", "35 horses")),
    "report": ("MMC003", ("--report", "r.pdf", *SHAPE)),
    "jobs": ("MMC003", ("-j", "0")),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, options = OPTIONS[case]
    assert compile_file(PNET, tmp_path, *options) == 2
    assert_coded(capsys, code)


@pytest.mark.parametrize("command", ["opt", "quantize"])
def test_open_shapes_are_refused_for_a_reason_without_a_target(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(PNET), "-o", str(tmp_path / "o.onnx")]) == 2
    assert "NPU" not in capsys.readouterr().err


COMMANDS = {
    "nothing": ("MMC003", ()),
    "unknown command": ("MMC003", ("compyle",)),
    "later command": ("MMC002", ("distill", "a", "--b")),
    "unknown target": ("MMC200", ("compile", str(PNET), "--target", "hexagon_v7")),
    "old target": ("MMC209", ("compile", str(PNET), "--target", "ane_ios14")),
    "unknown pass": ("MMC190", ("opt", str(PNET), *SHAPE, "-p", "fold", "-o", "o.onnx")),
    "pass option": ("MMC191", ("opt", str(PNET), *SHAPE, "-p", "fuse{a=1}", "-o", "o.onnx")),
    "unknown rule": ("MMC008", ("opt", str(PNET), *SHAPE, "--explain", "identty")),
    "no recording": ("MMC009", ("opt", "--reproduce", ".")),
    "no output": ("MMC003", ("opt", str(PNET))),
    "no folder": ("MMC401", ("opt", str(PNET), *SHAPE, "-o", "no/such/o.onnx")),
    "is folder": ("MMC401", ("opt", str(PNET), *SHAPE, "-o", ".")),
    "no suffix": ("MMC401", ("compile", str(PNET), "--target", "cpu", *SHAPE, "-o", "artifact")),
    "other suffix": (
        *("MMC401", ("compile", str(PNET), "--target", "ane_ios18", *SHAPE, "-o", "a.tflite")),
    ),
    "no real folder": (
        *("MMC401", ("compile", str(PNET), "--target", "cpu", *SHAPE, "-o", "/proc/m.tflite")),
    ),
    "show absent": ("MMC", ("show", "absent.tflite")),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_commands(
    case: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, arguments = COMMANDS[case]
    assert main(arguments) == 2
    assert_coded(capsys, code + r"\d*")
    assert list(tmp_path.iterdir()) == []


INPUTS = {
    "type": ({"x": np.zeros((1, 3, 60, 80), np.int64)}, "is int64, expected float32"),
    "shape": ({"x": np.zeros((1, 3, 20, 80), np.float32)}, "expected (1, 3, 60, 80)"),
    "name": ({"y": np.zeros((1, 3, 60, 80), np.float32)}, "missing: x; unknown: y"),
}


@pytest.mark.parametrize("wrong", INPUTS)
@pytest.mark.parametrize("target", ["cpu", "ane_ios18"])
def test_inputs_that_do_not_fit(
    wrong: str, target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays, said = INPUTS[wrong]
    np.savez(tmp_path / "x.npz", **arrays)
    out = tmp_path / ("m.tflite" if target == "cpu" else "m.mlpackage")
    given = ["--inputs", str(tmp_path / "x.npz"), "-o", str(out)]
    assert main(["compile", str(PNET), "--target", target, *SHAPE, *given]) == 2
    told = capsys.readouterr()
    assert "error[MMC403]" in told.err
    assert said in told.err
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    arguments = ["compile", str(PNET), "--target", "cpu", *SHAPE, "-o", str(tmp_path / "m.tflite")]
    assert main(arguments) == 2
    assert_coded(capsys, "MMC401")


def test_a_bug_is_coded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(cli, "build_parser", fail)
    assert main(["targets"]) == 2
    assert_coded(capsys, "MMC001")


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "build_parser", interrupt)
    assert main(["targets"]) == 130


GIVEN = {
    "a shape of one number": ("MMC004", {"input_shape": {"x": 3}}),
    "a shape as text": ("MMC004", {"input_shape": {"x": "1,3,60,80"}}),
    "half a size": ("MMC005", {"dim": {"n": 2.5}}),
    "a size as text": ("MMC005", {"dim": {"n": "3"}}),
    "no target": ("MMC200", {"target": None}),
}


@pytest.mark.parametrize("case", GIVEN)
def test_python_is_told_what_does_not_fit(case: str, tmp_path: Path) -> None:
    code, options = GIVEN[case]
    given: dict[str, Any] = {"target": "cpu", "output": tmp_path / "m.tflite", **options}
    with pytest.raises(mmc.MmcError, match=code):
        mmc.compile(PNET, **given)


def test_sizes_are_whole_numbers_of_any_kind() -> None:
    fixed, several = dims_of({"a": np.int64(3), "b": range(1, 5), "c": np.array([2, 4])})
    assert fixed == {"a": 3}
    assert several == {"b": Sizes((1, 4), ranged=True), "c": Sizes((2, 4))}
    assert shapes_of({"x": np.array([1, 3])}) == {"x": (1, 3)}
