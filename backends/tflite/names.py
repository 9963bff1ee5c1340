"""Names of tensors that stay apart in the eyes of every reader."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

OTHER_SIGNS = re.compile("[^A-Za-z0-9]+")


@dataclass
class Names:
    """The names that are taken, as they are compared, and the last number given to each."""

    taken: dict[str, int] = field(default_factory=dict)

    def free(self, base: str) -> str:
        """Take a name that none is compared equal to: `base`, or with a number at its end."""
        key, name = compared(base), base
        number = self.taken.get(key, 0)
        while compared(name) in self.taken:
            number += 1
            name = f"{base}__{number}"
        self.taken[key] = number
        self.taken.setdefault(compared(name), 0)
        return name


def compared(name: str) -> str:
    """Return what is left of a name for Qualcomm's compiler, to which `a.b` and `a_b` are one."""
    return OTHER_SIGNS.sub("_", name)
