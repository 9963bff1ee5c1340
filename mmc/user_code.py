"""Code of the user's own that options name: module:function, also from the working directory."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def is_function_name(text: str) -> bool:
    """Say whether a text is a module:function."""
    return re.fullmatch(r"[\w.]+:\w+", text) is not None


def load_function(text: str) -> Any:
    """Return module:function; raises ImportError or AttributeError if there is none."""
    module, function = text.split(":")
    with working_directory_first():
        return getattr(import_module(module), function)


def source_of(text: str) -> Path | None:
    """Return the file of the module of module:function; None where there is none."""
    with suppress(ImportError, ValueError), working_directory_first():
        spec = find_spec(text.split(":")[0])
        return Path(spec.origin) if spec is not None and spec.origin else None
    return None


@contextmanager
def working_directory_first() -> Iterator[None]:
    """Import from the working directory too."""
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
