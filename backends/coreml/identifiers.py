"""Names as MIL and Swift take them: letters, digits and underscores, no keyword, each once."""

from __future__ import annotations

import re

RESERVED = frozenset(
    {"any", "bool", "program", "func", "tensor", "list", "dict", "tuple", "true", "false", "string"}
    | {"bf16", "fp16", "fp32", "fp64", "int8", "int16", "int32", "int64", "uint8", "uint16"}
    | {"uint32", "uint64", "state", "model", "main"}
)
"""Words of the MIL language (and two that other parts of a package are called by)."""


def identifier(name: str) -> str:
    """Return `name` as an identifier; other characters become underscores."""
    clean = re.sub(r"[^A-Za-z0-9_]", "_", name) or "unnamed"
    if clean[0] == "_" or clean[0].isdigit():
        clean = f"v{clean}"
    return f"{clean}_" if clean in RESERVED else clean


class Names:
    """Gives out each identifier once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, wish: str) -> str:
        """Return `wish` as an identifier that nobody has, with a number if need be."""
        base = name = identifier(wish)
        number = self._next.get(base, 0)
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._next[base] = number
        self._taken.add(name)
        return name
