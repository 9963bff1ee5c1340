"""Shapes as Python code gives them: numbers and sequences of any kind, or a coded error."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from mmc.diagnostics import UsageError
from mmc.flexible import Sizes


def shapes_of(given: Mapping[str, Any] | None) -> dict[str, tuple[int, ...]]:
    """Return shapes by input name; raises UsageError (MMC004) for what is no shape."""
    fix = "give a sequence of sizes: {'x': (1, 3, 224, 224)}"
    return {
        name: _numbers(shape, "MMC004", f"shape of {name}", fix) for name, shape in _items(given)
    }


def dims_of(given: Mapping[str, Any] | None) -> tuple[dict[str, int], dict[str, Sizes]]:
    """Return the sizes of symbols that have one, and of those that may have several.

    Raises UsageError (MMC005) for what is no size.
    """
    fixed, several = dict[str, int](), dict[str, Sizes]()
    for name, size in _items(given):
        try:
            fixed[name] = operator.index(size)
        except TypeError:
            several[name] = _sizes(name, size)
    return fixed, several


def _sizes(name: str, size: Any) -> Sizes:
    fix = "give a number; for Core ML also range(1, 5) for 1 to 4, or a list"
    numbers = _numbers(size, "MMC005", f"dimension {name}", fix)
    if isinstance(size, range) and size.step == 1 and len(size) > 1:
        return Sizes((size[0], size[-1]), ranged=True)
    return Sizes(numbers)


def _items(given: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    return list((given or {}).items())


def _numbers(given: Any, code: str, where: str, fix: str) -> tuple[int, ...]:
    """Return whole numbers as such."""
    try:
        return tuple(operator.index(size) for size in given)
    except TypeError as error:
        raise UsageError(code, where, f"{given!r} is no size", fix=fix) from error
