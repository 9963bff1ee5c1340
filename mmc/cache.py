"""Compiles that were done before: an unchanged model with the same options returns at once.

An entry is a folder named by a digest of everything that the artifact depends on: the bytes of the
model and of its data files, the options with the content of every file they name, the target, the
versions of mmc and of what it is built on. Entries appear whole, by one rename, so compiles at the
same time do not disturb each other. They are under `$XDG_CACHE_HOME/mmc` (else `~/.cache/mmc`); the
ones used longest ago go when all take more than MOST_BYTES.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc import plugins
from mmc.diagnostics import MmcError
from mmc.files import replace_with, size_of
from mmc.staging import working_folder

if TYPE_CHECKING:
    from mmc.options import CompileOptions

MOST_BYTES = 4 << 30
FORMAT = 1
BUILT_ON = ("onnx", "onnx-ir", "onnxruntime", "ai-edge-litert", "coremltools", "numpy", "ml-dtypes")
DATA_OPTIONS = ("calibration", "evaluation", "recipe")


def home() -> Path:
    """Return the folder of the cache, which need not exist."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    return base / "mmc" / "compiled"


@dataclass(frozen=True)
class Entry:
    """A compile that was done before: its artifact and what was told about it."""

    artifact: Path
    told: Any

    def restore(self, output: Path) -> None:
        """Put a copy of the artifact in its place; raises OSError."""
        with suppress(OSError):
            os.utime(self.artifact.parent)  # used just now
        replace_with(output, self.artifact)


def key_of(model: Path, target: str, options: CompileOptions, wanted: str) -> str | None:
    """Return the name of a compile's entry; None where what it depends on cannot be known.

    Args:
        wanted: which report is made.
    """
    found = hashlib.sha256()
    try:
        for part in parts(model, target, options, wanted):
            found.update(len(part).to_bytes(8, "little") + part)
    except (OSError, MmcError, UnknownContentError):
        return None
    return found.hexdigest()


class UnknownContentError(Exception):
    """Something whose content is not in a file."""


def parts(model: Path, target: str, options: CompileOptions, wanted: str) -> Iterator[bytes]:
    """Yield everything that the artifact and its report depend on."""
    about = [FORMAT, target, wanted, platform.python_version(), platform.machine(), model.stem]
    yield json.dumps([*about, [f"{p} {metadata.version(p)}" for p in BUILT_ON]]).encode()
    yield own_digest()
    for source in plugin_files():
        if source.is_file() and "__pycache__" not in source.parts:
            yield content(source)
    for file in (model, *data_files(model)):
        yield file.name.encode()
        yield content(file)
    yield json.dumps(plain(options), sort_keys=True).encode()
    for name in DATA_OPTIONS:
        given = getattr(options, name)
        if name == "recipe" and not Path(given).is_file():
            continue  # a preset: its name is among the options, its rules are among mmc's files
        for file in files_of(given) if given else ():
            yield content(file)
    if options.vendor is not None or options.aot or options.verify_on == "htp":
        raise UnknownContentError("vendor")
    if options.metric and (options.evaluation or options.budget):
        raise UnknownContentError(options.metric)


def own_digest() -> bytes:
    """Return a digest of mmc's own files: a checkout changes while its version stays."""
    root = Path(__file__).parent
    found = hashlib.sha256()
    for folder in (root, root / "passes", root / "backends"):
        for file in sorted(folder.resolve().rglob("*.*")):
            if file.suffix in (".py", ".toml", ".csv", ".js", ".css", ".html"):
                state = file.stat()
                found.update(f"{file} {state.st_size} {state.st_mtime_ns}\n".encode())
    return found.digest()


def plugin_files() -> Iterator[Path]:
    """Yield the source of every plugin: a package's whole folder."""
    for _, _, module in plugins.installed():
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise UnknownContentError(module)
        places = spec.submodule_search_locations
        yield from sorted(Path(places[0]).rglob("*.*")) if places else [Path(spec.origin)]


def data_files(model: Path) -> list[Path]:
    """Return the files that hold weights of the model."""
    from mmc.frontend.loading import read_stripped
    from mmc.frontend.weights import check_data, tensors

    proto = read_stripped(model)
    check_data(proto, model)  # refuses files outside the model's folder
    names = {
        entry.value
        for _, tensor in tensors(proto)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [model.parent / name for name in sorted(names - {model.name})]


def files_of(data: str) -> list[Path]:
    """Return the files of DATA; raises UnknownContentError for a module:function."""
    path = Path(data)
    if path.is_dir():
        return sorted(path.glob("*.npz"))
    if not path.is_file():
        raise UnknownContentError(data)
    return [path]


def content(file: Path) -> bytes:
    """Return the digest of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def plain(value: Any) -> Any:
    """Return options as JSON-ready data, arrays by their content."""
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [str(value.dtype), list(value.shape), digest]
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise UnknownContentError(repr(value))


def find(key: str) -> Entry | None:
    """Return an entry, or None; a damaged one is none."""
    folder = home() / key
    try:
        told = json.loads((folder / "told.json").read_text())
        artifact = folder / told["artifact"]
        if size_of(artifact) != told["bytes"]:
            return None
        return Entry(artifact, told["told"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def store(key: str, artifact: Path, told: Any) -> None:
    """Keep a compile; nothing happens where that is not possible."""
    with suppress(OSError):
        home().mkdir(parents=True, exist_ok=True)
        with working_folder(home()) as place:
            new = place / key
            new.mkdir()
            copy = new / f"artifact{artifact.suffix}"
            (shutil.copytree if artifact.is_dir() else shutil.copyfile)(artifact, copy)
            about = {"artifact": copy.name, "bytes": size_of(copy), "told": told}
            (new / "told.json").write_text(json.dumps(about))
            os.rename(new, home() / key)  # fails where another compile was first
        trim(entries())


def entries() -> Iterable[Path]:
    """Return the folders of the cache."""
    return [folder for folder in home().iterdir() if not folder.name.startswith(".")]


def trim(kept: Iterable[Path], most: int = MOST_BYTES) -> None:
    """Remove the files or folders used longest ago until the others take at most `most` bytes."""
    total = 0
    for entry in sorted(kept, key=lambda f: -f.stat().st_mtime):
        total += size_of(entry)
        if total > most and entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif total > most:
            entry.unlink(missing_ok=True)
