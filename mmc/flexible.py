"""Dimensions of several sizes: `--dim batch=1..4`, or `--dim batch=1,2,4`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mmc.diagnostics import UsageError

MOST_VERIFIED = 6
"""Sizes that are verified of a longer list: spread over it."""


@dataclass(frozen=True)
class Sizes:
    """What a dimension may be: one of `listed`, or (`ranged`) all from the first to the last."""

    listed: tuple[int, ...]
    ranged: bool = False

    def __str__(self) -> str:
        """Return it as it is written on the command line."""
        if self.ranged:
            return f"{self.listed[0]}..{self.listed[-1]}"
        return ",".join(map(str, self.listed))


def check_sizes(sizes: Mapping[str, Sizes]) -> None:
    """Refuse kinds that do not go together (MMC005)."""
    ranged = {s.ranged for s in sizes.values()}
    lengths = {len(s.listed) for s in sizes.values() if not s.ranged}
    if len(ranged) > 1 or len(lengths) > 1:
        what = "have lists of different lengths, or a list beside a range"
        fix = "give only ranges, or lists of one length: their first sizes go together, and so on"
        raise UsageError("MMC005", f"--dim {' '.join(sizes)}", what, fix=fix)


def declared(sizes: Mapping[str, Sizes]) -> list[dict[str, int]]:
    """Return the sizes to verify, the default first: those listed, or a range's ends and middle."""
    check_sizes(sizes)
    if any(s.ranged for s in sizes.values()):
        ends = {name: (s.listed[0], s.listed[-1]) for name, s in sizes.items()}
        found = [{n: low for n, (low, _) in ends.items()}]
        found += [{**found[0], n: high} for n, (_, high) in ends.items()] if len(ends) > 1 else []
        found += [{n: (low + high) // 2 for n, (low, high) in ends.items()}]
        found += [{n: high for n, (_, high) in ends.items()}]
        return [s for i, s in enumerate(found) if s not in found[:i]]
    rows = zip(*(s.listed for s in sizes.values()), strict=True)
    return [dict(zip(sizes, row, strict=True)) for row in rows]


def spread(cases: list[dict[str, int]]) -> list[dict[str, int]]:
    """Return at most MOST_VERIFIED of them: the first, the last, and some between."""
    last = len(cases) - 1
    if last < MOST_VERIFIED:
        return cases
    places = sorted({round(i * last / (MOST_VERIFIED - 1)) for i in range(MOST_VERIFIED)})
    return [cases[i] for i in places]


def patterns(cases: list[dict[str, int]]) -> Iterator[dict[str, int]]:
    """Yield sizes at which a program shows what depends on them: not 1, and at least two.

    An extent of 1 is often dropped or needs no transpose, so that its program has another form.
    """
    wide = [c for c in cases if min(c.values()) > 1]
    yield from wide
    last = wide[-1] if wide else {n: size + 1 for n, size in cases[-1].items()}
    if not wide:
        yield last
    if len(wide) < 2:
        yield {n: size + 1 for n, size in last.items()}
