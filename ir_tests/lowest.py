"""The lowest versions that pyproject.toml allows, as constraints for pip; `make lowest` tests them.

`python ir_tests/lowest.py [EXTRA...]` prints a line a requirement: `numpy>=2.1` is `numpy==2.1`.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def lowest(extras: Iterable[str] = ()) -> Iterator[str]:
    """Yield a constraint for every requirement of the project and of these extras.

    Raises:
        ValueError: for a requirement that names no lowest version.
    """
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][e] for e in extras)]
    for requirement in (r for some in lists for r in some):
        found = re.match(r"([\w-]+)(?:\[[\w,]+\])?[>=]=([\w.]+)", requirement)
        if found is None:
            raise ValueError(f"{requirement!r} has no lowest version")
        yield f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    print(*lowest(sys.argv[1:]), sep="\n")
