"""The files of the command line: .npz in and out, and outputs that can be written."""

from __future__ import annotations

import ast
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mmc.backends.base import makes_folder, suffix_of
from mmc.diagnostics import EmitError, UsageError
from mmc.saving import replacing
from mmc.staging import staged, working_folder
from mmc.verification.casting import Array

NOT_READABLE = (
    *(OSError, ValueError, EOFError, AttributeError, RuntimeError, LookupError, MemoryError),
    *(SyntaxError, struct.error, zipfile.BadZipFile, zlib.error),
)
"""What numpy and zipfile raise over a damaged .npz."""


def read_npz(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Return the arrays of an .npz by name; never unpickles.

    Raises:
        UsageError: MMC007 if it is not a readable .npz of plain arrays.
    """
    with telling_of_npz(path), np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@contextmanager
def telling_of_npz(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what a damaged .npz raises while it is read into a UsageError, MMC007."""
    try:
        yield
    except NOT_READABLE as error:
        fix = "write it with numpy.savez(path, **{input name: array})"
        why = str(error)
        raise UsageError("MMC007", str(path), "is not a readable .npz", why=why, fix=fix) from error


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write arrays under any names (numpy.savez cannot take `file`), whole or not at all.

    Raises:
        EmitError: MMC401 when it cannot be written.
    """
    try:
        with replacing(Path(path)) as file, zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
    except OSError as error:
        raise unwritable(Path(path), error.strerror or str(error)) from error


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all; raises EmitError (MMC401)."""
    try:
        with replacing(path) as file:
            file.write(text.encode("utf-8", "replace"))
    except OSError as error:
        raise unwritable(path, error.strerror or str(error)) from error


def read_constant(name: str, text: str) -> Array:
    """Return what `--const NAME=TEXT` binds: a number, a (nested) list, or @file.npz.

    Raises:
        UsageError: MMC006 if it is none of these, or the file has no such array; MMC007.
    """
    where = f"--const {name}={text}"
    if text.startswith("@"):
        arrays = read_npz(text[1:])
        if name not in arrays and len(arrays) != 1:
            has = ", ".join(arrays) or "nothing"
            raise UsageError("MMC006", where, f"the file has no {name!r}", fix=f"it has: {has}")
        return arrays[name] if name in arrays else next(iter(arrays.values()))
    try:
        array = np.asarray(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        fix = "write NAME=3, NAME=[1,2,3] or NAME=@file.npz"
        raise UsageError("MMC006", where, "is not a number or list", fix=fix) from error
    if array.dtype.kind not in "biuf":
        raise UsageError("MMC006", where, f"holds {array.dtype} values", fix="give numbers")
    return array


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; 0 if there is none."""
    if path.is_dir():
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    return path.stat().st_size if path.exists() else 0


def remove(path: Path) -> None:
    """Remove an artifact, be it a file or a folder; nothing happens if there is none."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def replace_with(path: Path, source: Path) -> None:
    """Let a copy of a file or folder take the place of `path`; raises OSError."""
    with staged(path) as new:
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, new)


def check_output(path: Path, *, folder: bool = False, suffix: str = "") -> None:
    """Refuse an output path that cannot be written, before any work is done (MMC401).

    Args:
        folder: the output is a folder, which may replace one that holds an artifact.
        suffix: what its name must end with: runtimes and mmc tell formats by it.
    """
    if path.suffix != suffix and suffix:
        what = f"does not end in {suffix}, by which its format is known"
        raise EmitError("MMC401", str(path), what, fix=f"-o {path.name}{suffix}")
    if folder and path.exists() and not (path / "Manifest.json").is_file():
        raise unwritable(path, "it exists and is no .mlpackage")
    if not folder and path.is_dir():
        raise unwritable(path, "it is a folder")
    parent = path.parent
    if not parent.is_dir():
        raise unwritable(path, f"there is no folder {str(parent)!r}")
    try:
        with working_folder(parent):  # permissions alone do not tell, of /proc for example
            pass
    except OSError as error:
        why = f"the folder {str(parent)!r} is not writable: {error.strerror}"
        raise unwritable(path, why) from error


def check_artifact(path: Path, backend: str) -> None:
    """Refuse an output path that is none for the artifacts of a backend (MMC401)."""
    check_output(path, folder=makes_folder(backend), suffix=suffix_of(backend))


def unwritable(path: Path, why: str) -> EmitError:
    """Return the error for an output that cannot be written."""
    return EmitError("MMC401", str(path), "cannot be written", why=why, fix="choose another -o")
