"""`mmc doctor` finds what is missing or does not work; `mmc completion` knows every option."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from mmc import doctor
from mmc.cli import build_parser, main
from mmc.commands.completion import INSTALL, tree_of

SETTINGS = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]


def test_all_is_well_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["well"] is True
    assert len(told["packages"]) == len(doctor.requirements(""))
    assert {e["name"] for e in told["extras"]} == set(SETTINGS["optional-dependencies"])
    assert all(e["adds"] for e in told["extras"])
    assert len(told["trials"]) == len(doctor.TRIALS)


def test_every_extra_is_described() -> None:
    assert set(SETTINGS["optional-dependencies"]) <= set(doctor.EXTRAS)


def test_what_is_missing_and_broken_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["numpy>=999", "no-such-package-of-ours>=1", "onnx>=1"]
    monkeypatch.setattr(doctor, "requirements", lambda extra: [] if extra else wanted)
    monkeypatch.setattr(doctor, "TRIALS", {"it works": ("raise ValueError('no luck')", {})})
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "broken   numpy" in said
    assert "missing  no-such-package-of-ours" in said
    assert "ok       onnx" in said
    assert "no luck" in said
    assert "fix numpy: python -m pip install 'numpy>=999'" in said


def test_a_checkout_that_is_not_installed_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "requires", none)
    monkeypatch.setattr(doctor.metadata, "metadata", none)
    monkeypatch.setattr(doctor, "TRIALS", {})
    assert main(["doctor"]) == 1
    assert "missing  mmc  run from its folder, not installed" in capsys.readouterr().out


def test_ranges_of_versions() -> None:
    assert doctor.fits("9.0", "coremltools<9.1,>=9.0")
    assert not doctor.fits("9.1", "coremltools<9.1,>=9.0")
    assert not doctor.fits("1.9.3", "a>=1.10")
    assert doctor.fits("1.20.0rc1", "a>=1.20")


def test_the_tree_is_what_help_prints(capsys: pytest.CaptureFixture[str]) -> None:
    tree = tree_of(build_parser())
    for name, (_, flags, _) in tree.items():
        with pytest.raises(SystemExit):
            build_parser().parse_args([name, "--help"])
        text = capsys.readouterr().out
        assert all(spelling in text for flag in flags for spelling in flag.names)
    assert "bench" not in tree
    compile_flags = {s for flag in tree["compile"][1] for s in flag.names}
    assert "--target" in compile_flags


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["co"], ["compile", "completion", "cost"]),
        (["compile", "--tar"], ["--target"]),
        (["compile", "--target", "hexagon_v7"], ["hexagon_v73", "hexagon_v75", "hexagon_v79"]),
        (["compile", "m.onnx", "--optimize", "s"], ["size"]),
        (["completion", "b"], ["bash"]),
    ],
)
def test_bash_completes(
    words: list[str], offered: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "mmc.bash"
    script.write_text(capsys.readouterr().out)
    line = " ".join(f"'{word}'" for word in ["mmc", *words])
    code = f"source '{script}'; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _mmc"
    code += '; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == offered
    assert done.stderr == ""


def test_bash_completes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.onnx").touch()
    assert main(["completion", "bash"]) == 0
    code = capsys.readouterr().out + "\nCOMP_WORDS=(mmc show mo); COMP_CWORD=2; _mmc"
    code += '; printf "%s\\n" "${COMPREPLY[@]}"'
    command = ["bash", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["model.onnx"]


@pytest.mark.parametrize("shell", INSTALL)
def test_shells_accept_their_scripts(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert "hexagon_v73" in script.read_text()
    if shutil.which(shell):
        done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "csh"]) == 2
    assert "choose one of: bash, zsh, fish" in capsys.readouterr().err
