"""Several models in one go; progress, on stderr, after a second, plain lines without a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import golden_models
from mmc import outlook, progress
from mmc.batch import Job, shared_out
from mmc.cli import main
from mmc.options import CompileOptions
from mmc.outlook import Outlook
from mmc.progress import Progress, shown

PNET = str(golden_models.path("mtcnn_pnet"))


def work(pause: float, **how: bool) -> None:
    with shown("m\x1b[31m.onnx", **how) as told:
        told.stage("load")
        time.sleep(pause)
        told.stage("passes")
        told.step("fuse, 3 nodes")
        told.stage("write")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SILENT_S", 0.2)


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    work(0.5)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line.split(": ")[1] for line in printed.err.splitlines()] == ["load", "passes", "write"]
    assert "\x1b" not in printed.err


def test_what_is_short_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    work(0.0)
    time.sleep(0.4)
    assert capsys.readouterr().err == ""


def test_quiet_and_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    work(0.5, quiet=True)
    assert capsys.readouterr().err == ""
    work(0.5, verbose=True)
    assert "passes (fuse, 3 nodes)" in capsys.readouterr().err


def test_the_base_is_silent() -> None:
    Progress().stage("load")
    assert Progress().stages() == ()


def test_what_is_left_is_what_the_last_time_took() -> None:
    seen = Outlook([("load", 1.0), ("passes", 10.0), ("write", 2.0)])
    assert seen.left(100.0) is None
    seen.begin("load", 100.0)
    assert seen.left(100.25) == 12.75
    seen.begin("passes", 103.0)  # load was slower this time
    assert seen.left(105.0) == 10.0
    assert seen.left(200.0) == 2.0  # longer than expected already: what follows is known
    seen.begin("cost", 205.0)
    assert seen.left(205.0) is None  # not there the last time
    seen.begin("write", 206.0)
    assert seen.left(206.0) == 2.0
    took = [("load", 3.0), ("passes", 102.0), ("cost", 1.0), ("write", 4.0)]
    assert seen.stages(210.0) == took


def test_the_next_compile_says_how_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("MMC_NO_CACHE", raising=False)
    monkeypatch.setattr(progress, "SILENT_S", 0.0)
    words = [PNET, "--target", "cpu", "--input-shape", "x:1,3,12,12"]
    words = ["compile", *words, "-o", str(tmp_path / "a.tflite"), "--no-verify"]
    assert main(words) == 0
    (kept,) = (tmp_path / "mmc" / "seconds").glob("*.json")
    first = outlook.last_time(kept)
    assert [name for name, _ in first][:2] == ["load", "passes"]
    kept.write_text(json.dumps([(name, seconds + 50) for name, seconds in first]))
    capsys.readouterr()
    (tmp_path / "mmc" / "compiled").rename(tmp_path / "gone")
    assert main(words) == 0
    assert re.search(r": passes, about \d{3} s left", capsys.readouterr().err)


@pytest.mark.parametrize("text", ["", "{", "[1]", '[["load"]]', '[["load", "x"]]', "{}"])
def test_a_damaged_memory_foretells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text)
    assert list(outlook.last_time(tmp_path / "s.json")) == []


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal_one_line_moves(tmp_path: Path, colour: bool) -> None:
    code = (
        "import time; from mmc import progress; progress.SILENT_S = 0.1\n"
        "with progress.shown('a [b].onnx') as told:\n"
        "    told.stage('load')\n"
        "    while not told.speaking: time.sleep(0.01)\n"
        "    with told.lock: time.sleep(0.6)  # the line is there; its own thread redraws it\n"
        "    told.stage('verify'); time.sleep(0.6)"
    )
    environment = {**os.environ, "TERM": "xterm"} | ({} if colour else {"NO_COLOR": "1"})
    ours, theirs = pty.openpty()
    done = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    assert done.wait() == 0
    assert b"a [b].onnx: load" in seen
    assert b"a [b].onnx: verify" in seen
    assert (b"\x1b[3" in seen) == colour


def test_what_is_slow_before_its_first_stage_is_at_its_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SILENT_S", 0)
    with shown("m") as told:
        assert isinstance(told, progress.Spoken)
        told.timer.join()
    assert capsys.readouterr().err.endswith("s  m: start\n")


def test_several_models_are_counted(tmp_path: Path) -> None:
    models = []
    for name in "ab":
        models.append(str(tmp_path / f"{name}.onnx"))
        Path(models[-1]).write_bytes(Path(PNET).read_bytes())
    command = [sys.executable, "-m", "mmc", "compile", *models, "--target", "cpu", "-j", "2"]
    command += ["--no-verify", "--input-shape", "x:1,3,24,24", "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["[1/2] a.onnx: ok", "[2/2] b.onnx: ok"]


def test_shapes_go_to_the_models_that_have_them(tmp_path: Path) -> None:
    names = ("digits_vqa_vision", "digits_vqa_text")
    options = CompileOptions(dims={"batch": 1, "qlen": 10}, input_shapes={"nobody": (1,)})
    jobs = [Job(golden_models.path(n), tmp_path / n, "cpu", options) for n in names]
    vision, text = (job.options for job in shared_out(jobs))
    assert vision.dims == {"batch": 1}
    assert text.dims == {"batch": 1, "qlen": 10}
    assert vision.input_shapes == text.input_shapes == {"nobody": (1,)}
