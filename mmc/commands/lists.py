"""`mmc passes`, `mmc rules`: what there is, one line each."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from mmc.arguments import Parser
from mmc.commands import Command


def plain(parser: Parser) -> None:
    """Take no options."""


def passes(args: argparse.Namespace) -> int:
    """List the passes with their options."""
    from dataclasses import fields

    from mmc.pass_manager import PASSES

    rows = []
    for name in PASSES:
        kind = PASSES[name]
        options = ",".join(f"{f.name.replace('_', '-')}={f.default!r}" for f in fields(kind))
        shown = f"{name}{{{options}}}" if options else name
        rows.append((shown, f"{first_line(kind.__doc__)} [{kind.contract}]"))
    return table(rows)


def rules(args: argparse.Namespace) -> int:
    """List the rules with the pass that applies them and their equation."""
    from mmc.pattern import RULES

    return table((name, first_line(RULES[name].doc)) for name in RULES)


def table(rows: Iterable[tuple[str, str]]) -> int:
    """Print names and texts in two columns."""
    rows = list(rows)
    width = min(max((len(name) for name, _ in rows), default=0), 40)
    for name, text in rows:
        print(f"{name:{width}}  {text}".rstrip())
    return 0


def first_line(text: str | None) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((text or "").strip().split("\n\n")[0].split())


COMMANDS = (
    Command("passes", "lists", "list the passes", plain, passes),
    Command("rules", "lists", "list the rewrite rules", plain, rules),
)
