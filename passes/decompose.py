"""Apply the rules of stage `decompose`."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.pattern import Rule
from mmc.rule_pass import RulePass


@dataclass(frozen=True)
class Decompose(RulePass):
    """Replace operators that a backend has no form of by simpler ones."""

    name = "decompose"
    stage = "decompose"
    keep: tuple[str, ...] = ()
    """Op types that the backend lowers natively."""

    without: tuple[str, ...] = ()
    """Rules that are left out, by name: the backend takes what they take apart."""

    def rules(self) -> list[Rule]:
        """Return the rules of the stage, but for what the backend keeps."""
        return [
            r
            for r in super().rules()
            if not set(r.pattern.op_types) & set(self.keep) and r.name not in self.without
        ]
