"""The cache of compiles: equal bytes at once if nothing changed, a new compile if anything did."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import golden_models
import mmc.compiler
from mmc import cache, staging
from mmc.batch import Job, compile_job
from mmc.cli import main
from mmc.files import size_of
from mmc.options import CompileOptions
from mmc.reports.compile_report import CompileReport
from mmc.reports.schema import from_json
from mmc.staging import PREFIX

PNET = golden_models.path("mtcnn_pnet")
OPTIONS = CompileOptions(input_shapes={"x": (1, 3, 24, 24)}, verify=False)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MMC_NO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mmc" / "compiled"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copy(PNET, tmp_path / "m.onnx"))


def job(model: Path, name: str = "a.tflite", **more: object) -> Job:
    target = "ane_ios18" if name.endswith(".mlpackage") else "cpu"
    given: dict[str, object] = {"options": OPTIONS, "quiet": True, **more}
    return Job(model, model.parent / name, target, **given)  # type: ignore[arg-type]


def contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    return {str(f.relative_to(path)): f.read_bytes() for f in files}


@pytest.mark.parametrize("suffix", [".tflite", ".mlpackage"])
def test_an_unchanged_model_is_not_compiled_again(
    model: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compile_job(job(model, f"a{suffix}", report="html")).report
    monkeypatch.setattr(mmc.compiler, "compile_model", None)
    again = compile_job(job(model, f"b{suffix}", report="html"))
    assert not first.cached
    assert again.report.cached
    assert again.graphs["states"]
    assert contents(model.parent / f"a{suffix}") == contents(model.parent / f"b{suffix}")
    told = again.report.to_json()
    here = {"cached": False, "artifact": first.to_json()["artifact"]}
    assert told["artifact"]["path"] == str(model.parent / f"b{suffix}")
    assert told | here == json.loads(json.dumps(first.to_json()))


def changed_weight(model: Path) -> None:
    proto = onnx.load(model)
    weight = proto.graph.initializer[0]
    array = numpy_helper.to_array(weight).copy()
    array.flat[0] += 1
    weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    onnx.save(proto, model)


def test_whatever_changes_compiles_anew(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(options: CompileOptions = OPTIONS, target: str = "cpu", wanted: str = "") -> str | None:
        return cache.key_of(model, target, options, wanted)

    data = tmp_path / "x.npz"
    x = np.zeros((1, 3, 24, 24), np.float32)
    np.savez(data, x=x)
    calibrated = CompileOptions(weights="int8", calibration=str(data))
    keys = [key(), key(target="hexagon_v73"), key(wanted="html"), key(calibrated)]
    keys += [key(CompileOptions(inputs={"x": x})), key(CompileOptions(inputs={"x": x + 1}))]
    keys += [key(CompileOptions(optimize="size")), key(CompileOptions(seed=1))]
    np.savez(data, x=x + 1)
    keys += [key(calibrated)]
    changed_weight(model)
    keys += [key()]
    monkeypatch.setattr(cache.metadata, "version", lambda _: "0")
    keys += [key()]
    monkeypatch.setattr(cache, "own_digest", lambda: b"other code")
    keys += [key()]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert key() == key()


def test_weights_beside_the_model_count(model: Path) -> None:
    proto = onnx.load(model)
    onnx.save(proto, model, save_as_external_data=True, location="w.bin", size_threshold=0)
    before = cache.key_of(model, "cpu", OPTIONS, "")
    weights = model.with_name("w.bin")
    weights.write_bytes(bytes([weights.read_bytes()[0] ^ 1]) + weights.read_bytes()[1:])
    assert before is not None
    assert cache.key_of(model, "cpu", OPTIONS, "") != before


def test_what_no_file_holds_is_never_cached(model: Path, tmp_path: Path) -> None:
    assert cache.key_of(model, "cpu", CompileOptions(calibration="a:b"), "") is None
    assert cache.key_of(tmp_path / "none.onnx", "cpu", OPTIONS, "") is None


def test_failures_are_not_kept(model: Path, home: Path) -> None:
    assert compile_job(job(model, options=CompileOptions())).report.exit_code == 2
    assert not home.exists()


def test_asking_for_passes_or_no_cache_compiles(model: Path, tmp_path: Path) -> None:
    compile_job(job(model))
    assert job(model, check=True).watched
    assert job(model, check_layers=True).watched
    for more in ({"cached": False}, {"dump_ir": tmp_path / "ir"}):
        assert not compile_job(job(model, **more)).report.cached
    assert list((tmp_path / "ir").iterdir())


@pytest.mark.parametrize("damage", ["artifact", "told", "both"])
def test_a_damaged_entry_is_no_entry(model: Path, home: Path, damage: str) -> None:
    compile_job(job(model))
    (entry,) = home.iterdir()
    if damage == "artifact":
        (entry / "artifact.tflite").write_bytes(b"")
    else:
        (entry / "told.json").write_text("[" if damage == "told" else "{}")
    assert not compile_job(job(model)).report.cached


def test_compiles_at_the_same_time(model: Path, home: Path) -> None:
    command = [sys.executable, "-m", "mmc", "compile", str(model), "--target", "cpu", "--quiet"]
    command += ["--no-verify", "--input-shape", "x:1,3,24,24", "-o"]
    outs = [model.parent / f"{i}.tflite" for i in range(2)]
    running = [subprocess.Popen([*command, str(out)]) for out in outs]
    assert [process.wait() for process in running] == [0, 0]
    assert len({out.read_bytes() for out in outs}) == 1
    assert len(list(home.iterdir())) == 1


def test_what_a_killed_compile_left_goes(model: Path, home: Path) -> None:
    left = home / f"{PREFIX}left"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    staging.sweep.cache_clear()
    compile_job(job(model))
    assert not left.exists()


def test_a_cache_that_cannot_be_written_is_no_failure(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compile_job(job(model)).report.exit_code == 0


def test_what_was_used_longest_ago_goes(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for age, folder in enumerate(folders):
        folder.mkdir()
        (folder / "f").write_bytes(bytes(100))
        os.utime(folder, (1000 - age, 1000 - age))
    cache.trim(folders, most=200)
    assert [f.exists() for f in folders] == [True, True, False]
    assert size_of(folders[0]) == 100


def test_the_command_says_that_it_is_cached(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compile", str(model), "--target", "cpu", "--input-shape", "x:1,3,24,24"]
    command += ["--no-verify", "-o", str(model.parent / "a.tflite")]
    assert main(command) == 0
    assert "--no-cache" not in capsys.readouterr().out
    assert main(command) == 0
    assert "--no-cache" in capsys.readouterr().out
    assert main([*command, "--no-cache", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cached"] is False
    assert from_json(CompileReport, told).to_json() == told
