"""Folders for what is unfinished: locked while their process lives, swept once it was killed.

A process that ends in any other way than by SIGKILL removes its own. A later one removes what a
killed one has left: a folder that nobody has locked, and that is older than YOUNG_S, as it is made
before it is locked.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

PREFIX = ".mmc-work-"
YOUNG_S = 60.0
ATTEMPTS = 100


@contextmanager
def working_folder(parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder in `parent`, or where temporary files go; it is removed afterwards.

    Raises:
        OSError: where none can be made.
    """
    place = Path(parent or tempfile.gettempdir())
    sweep(place)
    folder = place / f"{PREFIX}{secrets.token_hex(8)}"
    try:
        try:  # its name is known before it is made: a signal between the two leaves nothing
            folder.mkdir(mode=0o700)
            with locked(folder):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:  # a signal may have ended the first removal
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder; on a file system without locks nobody sweeps it."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Yield a path to make a file or folder at; it takes the place of `path` if all goes well.

    Raises:
        OSError: where it cannot be made, or `path` cannot be replaced.
    """
    with working_folder(path.parent) as folder:
        yield folder / path.name
        put(folder / path.name, path)


def put(new: Path, path: Path) -> None:
    """Let a file or folder take the place of `path`, also while others do the same.

    Raises:
        OSError: where that is not possible; what was there stays then.
    """
    for attempt in range(ATTEMPTS):
        if new.is_dir() and path.is_dir():  # no system call replaces a folder that is not empty
            with suppress(FileNotFoundError):
                os.rename(path, new.parent / f"old{attempt}")
        try:
            os.replace(new, path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))


@cache
def sweep(place: Path) -> None:
    """Remove the folders in `place` that killed processes have left; once in a process."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > YOUNG_S:
                remove_if_abandoned(folder)


def remove_if_abandoned(folder: Path) -> None:
    """Remove a folder unless its process lives, which has locked it; raises OSError then."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)
