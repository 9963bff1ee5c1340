"""A job on every sample of stacked feeds, in the one child process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from mmc.verification.casting import Array


def run(
    path: str | os.PathLike[str], feeds: Mapping[str, Array], *, inner: str, **options: Any
) -> dict[str, Array]:
    """Return what the job `inner` returns on each slice of `feeds` along axis 0, stacked again."""
    module, function = inner.split(":")
    runner = import_module(module)
    if hasattr(runner, "opened"):  # loaded once for all
        once = runner.opened(path, **options)
    else:
        once = partial(getattr(runner, function), path, **options)
    count = len(next(iter(feeds.values())))
    found = [
        once({name: np.asarray(value[i]) for name, value in feeds.items()}) for i in range(count)
    ]
    return {name: np.stack([outputs[name] for outputs in found]) for name in found[0]}
