"""Numbers of things in words."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Return "1 layer", "2 layers"; `many` is given where it is not `one` and an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"
