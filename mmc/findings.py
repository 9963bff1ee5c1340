"""Findings as text that fits a screen: equal ones are one entry with a count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mmc.diagnostics import Diagnostic, Severity

MOST_GROUPS = 10
ORDER = tuple(Severity)


@dataclass(frozen=True)
class FindingGroup:
    """Findings that say the same of several places."""

    first: Diagnostic
    count: int

    def lines(self) -> list[str]:
        """Return the text of the first one, saying how many more there are."""
        d = self.first
        more = f" and {self.count - 1} more" if self.count > 1 else ""
        head = f"{d.severity}[{d.code}] {d.where}{more}: {d.what}"
        rest = [f"  {k}: {v}" for k, v in (("why", d.why), ("fix", d.fix)) if v]
        return [printable(line) for line in (head, *rest)]


def group_findings(findings: Sequence[Diagnostic]) -> list[FindingGroup]:
    """Return groups of findings that differ in their place only, errors first."""
    groups: dict[tuple[str, ...], list[Diagnostic]] = {}
    for d in sorted(findings, key=lambda d: ORDER.index(d.severity)):
        groups.setdefault((d.code, d.severity, d.what, d.why, d.fix), []).append(d)
    return [FindingGroup(same[0], len(same)) for same in groups.values()]


def finding_lines(findings: Sequence[Diagnostic], *, full: bool = False) -> Iterator[str]:
    """Yield the findings as lines: all of them if `full`, else a screenful of groups."""
    if full:
        groups, left = [FindingGroup(d, 1) for d in findings], 0
    else:
        every = group_findings(findings)
        groups, left = every[:MOST_GROUPS], sum(g.count for g in every[MOST_GROUPS:])
    for group in groups:
        yield from group.lines()
    if left:
        yield f"... and {left} more findings (--verbose or --report lists all)"


def printable(text: str) -> str:
    """Return text without control characters: names come from models and are not trusted."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
