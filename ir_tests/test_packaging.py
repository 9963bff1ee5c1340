"""Wheel and source archive are whole, and an installed mmc works outside its checkout."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from lowest import lowest
from packaging.version import Version

ROOT = Path(__file__).parent.parent
WANTED = (
    "mmc/cli.py",
    "mmc/py.typed",
    "mmc/passes/fuse.py",
    "mmc/passes/rules/__init__.py",
    "mmc/backends/tflite/emitter.py",
    "mmc/backends/targets/hexagon.toml",
)
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]


def copy_of_checkout(folder: Path) -> Path:
    """Return a clean copy of what is committed, so that no build leftovers are packed."""
    archive = folder / "head.tar"
    subprocess.run(["git", "-C", ROOT, "archive", "-o", archive, "HEAD"], check=True)
    with tarfile.open(archive) as content:
        content.extractall(folder / "copy", filter="tar")
    return folder / "copy"


def data_files(source: Path) -> set[str]:
    """Return what is beside the modules, as a wheel names it: tables, the page's parts."""
    found = set()
    for folder, prefix in (("mmc", ""), ("passes", "mmc/"), ("backends", "mmc/")):
        for path in (source / folder).rglob("*"):
            inside = path.relative_to(source).as_posix()
            linked = inside.startswith(("mmc/passes", "mmc/backends"))
            if path.is_file() and path.suffix != ".py" and not linked:
                found.add(prefix + inside)
    return found


@pytest.mark.slow
def test_the_wheel_is_whole_and_runs(tmp_path: Path) -> None:
    source = copy_of_checkout(tmp_path)
    subprocess.run([*PIP, "wheel", "--no-deps", "-w", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())
    assert not set(WANTED) - names
    assert not data_files(source) - names
    assert not [n for n in names if n.startswith(("passes/", "backends/", "ir_tests/"))]
    place = tmp_path / "site"
    subprocess.run([*PIP, "install", "--no-deps", "--target", place, wheel], check=True)
    code = (
        f"import sys; sys.path.insert(0, {str(place)!r}); import mmc, mmc.cli;"
        f" assert mmc.__file__.startswith({str(place)!r}); mmc.cli.main(['targets']);"
        " mmc.cli.main(['passes'])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert "hexagon_v73" in done.stdout
    assert "fold-constants" in done.stdout


@pytest.mark.slow
def test_the_source_archive_builds(tmp_path: Path) -> None:
    source = copy_of_checkout(tmp_path)
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "-q", "install", "setuptools>=77"], check=True)
    code = "import sys; from setuptools import build_meta as b; print(b.build_sdist(sys.argv[1]))"
    subprocess.run([python, "-c", code, tmp_path], check=True, cwd=source, capture_output=True)
    (archive,) = tmp_path.glob("mmc-*.tar.gz")
    with tarfile.open(archive) as content:
        names = {n.partition("/")[2] for n in content.getnames()}
    assert {"passes/fuse.py", "backends/targets/hexagon.toml", "mmc/cli.py"} <= names


def test_bare_names_are_refused() -> None:
    for name in ("passes", "backends"):
        done = subprocess.run(
            [sys.executable, "-c", f"import {name}"], capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == 1
        assert f"import this package as mmc.{name}" in done.stderr


def test_every_requirement_has_a_lowest_version() -> None:
    """`make lowest` installs these; what is installed here is no lower."""
    for constraint in lowest(["dev", "docs"]):
        name, _, version = constraint.partition("==")
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # of an extra
        assert Version(installed) >= Version(version)
