"""Arrays that took long to compute, kept by the content of what they were computed from.

They are beside the cache of compiles (`mmc.cache`); the ones used longest ago go when all take
more than MOST_BYTES. Without the cache (MMC_NO_CACHE) nothing is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmc import cache
from mmc.diagnostics import MmcError
from mmc.files import read_npz, write_npz
from mmc.ir import Array

MOST_BYTES = 2 << 30


def home() -> Path:
    """Return the folder, which need not exist."""
    return cache.home().parent / "statistics"


def key_of_run(folder: Path, data: str, asked: Any) -> str | None:
    """Return the name of what a model gives on DATA; None where content cannot be known.

    Args:
        folder: holds the model and nothing else: large weights are in a file beside it.
        asked: what is computed, ready for JSON.
    """
    if os.environ.get("MMC_NO_CACHE"):
        return None
    found = hashlib.sha256(cache.own_digest() + json.dumps(asked).encode())
    try:
        for file in (*sorted(folder.iterdir()), *cache.files_of(data)):
            found.update(cache.content(file))
    except (OSError, cache.UnknownContentError):
        return None
    return found.hexdigest()


def remembered(key: str | None, make: Callable[[], dict[str, Array]]) -> dict[str, Array]:
    """Return what is kept under the key, else what `make` returns, which is kept then."""
    if key is None:
        return make()
    file = home() / f"{key}.npz"
    with suppress(OSError, MmcError):
        found = read_npz(file)
        os.utime(file)  # used just now
        return found
    made = make()
    with suppress(OSError, MmcError):
        home().mkdir(parents=True, exist_ok=True)
        write_npz(file, made)
        cache.trim(home().glob("*.npz"), MOST_BYTES)
    return made
