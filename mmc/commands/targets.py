"""`mmc targets`: what there is; `mmc targets verify T`: whether its table is still right."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from mmc.arguments import Parser
from mmc.commands import Command
from mmc.commands.lists import table
from mmc.counting import counted
from mmc.diagnostics import UsageError
from mmc.findings import printable

if TYPE_CHECKING:
    from mmc.backends.targets.verify import TargetVerification


def configure(parser: Parser) -> None:
    """Take `verify` and its target."""
    parser.add_argument("action", nargs="?", choices=["verify"], help="ask the vendor about T")
    parser.add_argument("target", nargs="?", metavar="T", help="hexagon_* (extra: hexagon)")
    parser.add_argument(
        "--op", action="append", default=[], metavar="CONV_2D", help="this operator only (repeat)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def run(args: argparse.Namespace) -> int:
    """List the targets, or verify one: 1 if its table allows what the vendor refuses."""
    if args.action:
        return verify(args)
    from mmc.target import load_target
    from mmc.target import targets as names

    found = [load_target(name) for name in names()]
    return table((t.name, f"{t.runs_on}  {', '.join(t.socs)}") for t in found)


def verify(args: argparse.Namespace) -> int:
    """Print the differences of a table and its vendor."""
    from mmc.backends.targets.verify import verify as ask
    from mmc.progress import shown
    from mmc.target import load_target

    if not args.target:
        fix = "mmc targets verify hexagon_v73"
        raise UsageError("MMC003", "mmc targets verify", "needs a target", fix=fix)
    with shown(args.target, quiet=args.quiet) as progress:
        progress.stage("asking Qualcomm's compiler")
        found = ask(load_target(args.target), args.op, progress.step)
    if args.json:
        print(json.dumps(found.to_json(), indent=2))
    elif not args.quiet:
        print_differences(found)
    return int(found.refused > 0)


def print_differences(found: TargetVerification) -> None:
    """Print a line a difference, then the sums."""
    for d in sorted(found.differences, key=lambda d: not d.refused):
        form = " | ".join(filter(None, (d.cell, d.feature)))
        print(printable(f"{d.op} {form}: table {d.table}, vendor {d.vendor}"))
        if d.reason:
            print(printable(f"    {d.reason}"))
    print(
        f"{found.target}: {counted(found.asked, 'form')} asked, {len(found.differences)} differ, "
        f"{found.refused} allowed by our table and refused "
        f"({found.versions}, {found.seconds:.0f} s)"
    )


COMMAND = Command("targets", "lists", "list the targets, or verify a table", configure, run)
