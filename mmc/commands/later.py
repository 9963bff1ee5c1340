"""Commands of later capabilities: their names are taken, and refused with MMC002."""

from __future__ import annotations

import argparse

from mmc.arguments import Parser, not_yet
from mmc.commands import Command

NAMES = ("bench prune distill search deploy monitor").split()


def configure(parser: Parser) -> None:
    """Take any arguments."""
    parser.add_argument("anything", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Refuse."""
    raise not_yet(f"mmc {args.command}")


COMMANDS = tuple(Command(name, "", argparse.SUPPRESS, configure, run) for name in NAMES)
