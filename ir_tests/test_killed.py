"""Killed, no room, no permission, several at once: whole artifacts under their names, or none."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import golden_models
from mmc import staging
from mmc.cli import TERMINATED, main
from mmc.staging import PREFIX, put, staged, working_folder

PNET = golden_models.path("mtcnn_pnet")
MOST = 10_000
SUFFIXES = {"hexagon_v73": ".tflite", "ane_ios18": ".mlpackage"}


class Case(NamedTuple):
    target: str
    expected: dict[str, bytes]
    seconds: float

    def put(self, folder: Path) -> None:
        """Write the expected files."""
        for name, content in self.expected.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def command(target: str, out: Path, *more: str) -> list[str]:
    shape = ["--input-shape", "x:1,3,24,24", "--quiet", *more]
    mmc = [sys.executable, "-m", "mmc", "compile"]
    return [*mmc, str(PNET), "--target", target, "-o", str(out / f"m{SUFFIXES[target]}"), *shape]


def start(target: str, out: Path, *more: str, **how: object) -> subprocess.Popen[bytes]:
    place = {**os.environ, "TMPDIR": str(out.parent / "tmp")}
    (out.parent / "tmp").mkdir(exist_ok=True)
    out.mkdir(exist_ok=True)
    return subprocess.Popen(
        command(target, out, *more),
        env=place,
        stderr=subprocess.PIPE,
        **how,  # type: ignore[call-overload]
    )


def contents(path: Path) -> dict[str, bytes]:
    """Return every visible file below a folder."""
    files = [f for f in path.rglob("*") if f.is_file()]
    return {str(f.relative_to(path)): f.read_bytes() for f in files}


@pytest.fixture(scope="module", params=SUFFIXES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Return a target, and what an undisturbed compile for it makes."""
    began, folder = time.monotonic(), tmp_path_factory.mktemp("whole")
    assert start(request.param, folder / "out").wait() == 0
    return Case(request.param, contents(folder / "out"), time.monotonic() - began)


@pytest.mark.slow
def test_killed_at_any_moment(case: Case, tmp_path: Path) -> None:
    target, expected, seconds = case
    out, dice = tmp_path / "out", random.Random(target)
    for _ in range(2):
        process = start(target, out)
        time.sleep(dice.uniform(0.4, 1.0) * seconds)
        process.kill()
        process.wait()
        seen = {name: b for name, b in contents(out).items() if not name.startswith(PREFIX)}
        assert seen in ({}, expected)
    for left in (*out.glob(f"{PREFIX}*"), *(tmp_path / "tmp").glob(f"{PREFIX}*")):
        os.utime(left, (0, 0))
    assert start(target, out).wait() == 0
    assert contents(out) == expected
    assert left_in(tmp_path / "tmp") == []


def test_what_verifies_ends_with_the_compile(tmp_path: Path) -> None:
    job = "import mmc.verification.execute as e; e.execute('time:sleep', '600', {})"
    parent = subprocess.Popen([sys.executable, "-c", job])
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    wait_until(lambda: bool(children.read_text().split()))
    (child,) = children.read_text().split()
    parent.kill()
    parent.wait()
    wait_until(lambda: not Path(f"/proc/{child}/cmdline").exists())


def left_in(folder: Path) -> list[str]:
    """Return the names in a folder, without what ONNX Runtime itself leaves there once."""
    return [f.name for f in folder.iterdir() if f.name != ".ses"]


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_terminated_cleans_up(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start("ane_ios18", out)
    wait_until(lambda: any(out.iterdir()) or process.poll() is not None)
    process.terminate()
    assert process.wait() == TERMINATED
    assert list(out.iterdir()) == []


def end_first(step: Callable[..., None], done: bool) -> Callable[..., None]:
    """Return a step that ends the process as SIGTERM does, the first time, before it or after."""
    signals = [SystemExit(TERMINATED)]

    def first(*of: object, **how: object) -> None:
        if done or not signals:
            step(*of, **how)
        if signals:
            raise signals.pop()

    return first


def test_a_signal_while_a_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.mkdir", end_first(os.mkdir, done=True))
    with pytest.raises(SystemExit), working_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_a_folder_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.rmtree", end_first(shutil.rmtree, done=False))
    with pytest.raises(SystemExit), working_folder(tmp_path) as folder:
        (folder / "half").touch()
    assert list(tmp_path.iterdir()) == []


def test_no_room(case: Case, tmp_path: Path) -> None:
    """No file may take more than MOST bytes, and the artifact does; what was there stays."""
    target, expected, _ = case
    out = tmp_path / "out"
    case.put(out)

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST, MOST))

    process = start(target, out, "--no-verify", preexec_fn=limit)
    told = process.communicate()[1].decode()
    assert process.returncode == 2, told
    assert "error[MMC401]" in told
    assert contents(out) == expected
    assert left_in(tmp_path / "tmp") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("full", ["out", "tmp"])
@pytest.mark.parametrize("target", SUFFIXES)
def test_a_full_disk(target: str, full: str, tmp_path: Path) -> None:
    (tmp_path / full).mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(tmp_path / full)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount here")
    try:
        process = start(target, tmp_path / "out")
        told = process.communicate()[1].decode()
        assert process.returncode == 2, told
        assert "error[MMC401]" in told
        assert "No space left" in told
        assert list((tmp_path / "out").iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path / full)], check=True)


def test_a_failed_compile_leaves_what_was_there(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case.put(tmp_path)
    arguments = command(case.target, tmp_path, "--max-size", "1KB", "--no-verify")[3:]
    assert main(arguments) == 1
    assert PREFIX not in capsys.readouterr().err
    assert contents(tmp_path) == case.expected


@pytest.mark.parametrize("target", SUFFIXES)
def test_no_permission(
    target: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody can make anything there; root, who may write anywhere, is told that it cannot."""

    def refuse(folder: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr("os.mkdir", refuse)
    assert main(command(target, tmp_path)[3:]) == 2
    assert "error[MMC401]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_several_at_once_into_the_same_artifact(case: Case, tmp_path: Path) -> None:
    running = [start(case.target, tmp_path / "out", "--no-verify") for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert contents(tmp_path / "out") == case.expected


def test_only_abandoned_folders_are_swept(tmp_path: Path) -> None:
    with working_folder(tmp_path) as living:
        abandoned, young = tmp_path / f"{PREFIX}a", tmp_path / f"{PREFIX}b"
        for folder in (abandoned, young):
            folder.mkdir()
        for folder in (abandoned, living):
            os.utime(folder, (0, 0))
        staging.sweep.cache_clear()
        staging.sweep(tmp_path)
        assert (living.exists(), abandoned.exists(), young.exists()) == (True, False, True)


def test_a_folder_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    old = tmp_path / "a"
    old.mkdir()
    (old / "old").touch()
    with staged(old) as new:
        new.mkdir()
        (new / "new").touch()
    assert [f.name for f in old.iterdir()] == ["new"]
    with pytest.raises(OSError, match="file"):
        put(tmp_path / "nothing", tmp_path / "b")
    with pytest.raises(KeyError), staged(old) as new:
        raise KeyError
    assert [f.name for f in tmp_path.iterdir()] == ["a"]
