"""Files of rows that a long benchmark keeps: one JSON object a line, added as it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def read(path: Path | None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file; none where there is no file."""
    for line in path.read_text().splitlines() if path and path.is_file() else ():
        yield json.loads(line)


def add(path: Path | None, row: Mapping[str, Any]) -> None:
    """Add a row to a file, if there is to be one."""
    if path:
        with path.open("a") as file:
            print(json.dumps(row), file=file)
