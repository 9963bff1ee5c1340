"""`mmc doctor`: what is installed, what an extra would add, and whether it works."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmc.arguments import Parser
from mmc.commands import Command

if TYPE_CHECKING:
    from mmc.doctor import Checkup, Health


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print it; 1 if something that every user needs is missing or broken."""
    from mmc.doctor import examine

    found = examine()
    if args.json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        print(*lines(found), sep="\n")
    return 0 if found.well else 1


def lines(found: Checkup) -> Iterator[str]:
    """Yield the text: packages, extras, trials, and how to mend what is wrong."""
    yield f"mmc {found.mmc}, Python {found.python}, {found.system}"
    yield ""
    yield from map(line, found.packages)
    yield ""
    for extra in found.extras:
        state = "installed" if extra.installed else f"lacks {', '.join(extra.missing)}"
        yield f"extra {extra.name:20} {extra.adds}  ({state})"
    yield ""
    yield from map(line, found.trials)
    yield from (f"plugin   {text}" for text in found.plugins)
    wrong = [h for h in (*found.packages, *found.trials) if h.status != "ok"]
    if wrong:
        yield ""
        yield from (f"fix {h.name}: {h.fix}" for h in wrong if h.fix)


def line(health: Health) -> str:
    """Return one answer."""
    took = f"  {health.seconds:.1f} s" if health.seconds else ""
    return f"{health.status:8} {health.name}  {health.detail}".rstrip() + took


COMMAND = Command("doctor", "lists", "check what is installed and that it works", configure, run)
