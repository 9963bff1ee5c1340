"""The command line. Each command is one module of mmc.commands; nothing heavy is imported here."""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from mmc.arguments import Parser
from mmc.commands import (
    Command,
    bisect,
    check,
    compile,
    completion,
    cost,
    diff,
    doctor,
    extract,
    later,
    lists,
    opt,
    quantize,
    reduce,
    run,
    sensitivity,
    show,
    targets,
)
from mmc.diagnostics import UNWRITABLE, MmcError
from mmc.findings import finding_lines

COMMANDS: tuple[Command, ...] = (
    compile.COMMAND,
    check.COMMAND,
    cost.COMMAND,
    opt.COMMAND,
    quantize.COMMAND,
    sensitivity.COMMAND,
    run.COMMAND,
    show.COMMAND,
    bisect.COMMAND,
    reduce.COMMAND,
    diff.COMMAND,
    extract.COMMAND,
    *lists.COMMANDS,
    targets.COMMAND,
    doctor.COMMAND,
    completion.command(lambda: build_parser()),
    *later.COMMANDS,
)

INTERRUPTED = 130
TERMINATED = 143


COLLECTING = (50_000, 20, 50)
"""New objects between two searches for garbage: those of a compile live to its end."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 fine, 1 findings, 2 usage or failure."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if argv is None:  # a process of its own: also `kill` lets it clean up
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
        gc.set_threshold(*COLLECTING)
    try:
        own, check = split_check(arguments)
        parser = build_parser()
        if not own:  # somebody's first try
            parser.print_help(sys.stderr)
        args = parser.parse_args(own, argparse.Namespace(check=check))
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except MmcError as error:
        return explain(error, as_json="--json" in arguments, full="--verbose" in arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        found = no_room(error) if error.errno in UNWRITABLE else bug(error)
        return explain(found, as_json="--json" in arguments, full=True)
    except MemoryError as error:
        return explain(no_memory(error), as_json="--json" in arguments, full=True)
    except Exception as error:  # no user should ever see a traceback
        return explain(bug(error), as_json="--json" in arguments, full=True)


def split_check(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return what is before and behind `--`, where the command takes a check command there."""
    takers = {command.name for command in COMMANDS if command.takes_check}
    if not takers.intersection(arguments[:1]) or "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def explain(error: MmcError, *, as_json: bool, full: bool) -> int:
    """Print an error to stderr, also as JSON to stdout if asked for; return its exit code."""
    if as_json:
        findings = [d.to_json() for d in error.diagnostics]
        print(json.dumps({"schema": "mmc.error/1", "diagnostics": findings}, indent=2))
    print(*finding_lines(error.diagnostics, full=full), sep="\n", file=sys.stderr)
    return error.exit_code


def no_memory(error: MemoryError) -> MmcError:
    """Return the coded error (MMC019) for a machine that is too small for the model."""
    fix = "smaller shapes, --no-verify, or a machine with more memory"
    return MmcError("MMC019", "mmc", "there is not enough memory", why=str(error), fix=fix)


def no_room(error: OSError) -> MmcError:
    """Return the coded error (MMC401) for a disk that is full or that may not be written to."""
    fix = "make room there; TMPDIR names another folder for temporary files"
    where = str(error.filename or "a file")
    return MmcError("MMC401", where, "cannot be written", why=error.strerror or "", fix=fix)


def bug(error: Exception) -> MmcError:
    """Return the coded error (MMC001) for an exception that nobody expected."""
    if os.environ.get("MMC_TRACEBACK"):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "mmc"
    return MmcError(
        "MMC001",
        where,
        "a bug in mmc",
        why=f"{type(error).__name__}: {error}",
        fix="report this line with the command; MMC_TRACEBACK=1 prints the whole story",
    )


def build_parser() -> Parser:
    """Return the parser of all commands; --help lists them by task."""
    from mmc import __version__

    parser = Parser(
        prog="mmc",
        usage="mmc COMMAND ...",
        description=overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mmc {__version__}")
    subparsers = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help=argparse.SUPPRESS
    )
    for command in COMMANDS:
        one = subparsers.add_parser(
            command.name, description=command.help, allow_abbrev=False, prog=f"mmc {command.name}"
        )
        command.configure(one)
        one.set_defaults(run=command.run)
    return parser


def overview() -> str:
    """Return the commands, grouped by task."""
    lines = ["mmc compiles ONNX models to verified artifacts for mobile NPUs."]
    width = max(len(c.name) for c in COMMANDS)
    for group in dict.fromkeys(c.group for c in COMMANDS if c.group):
        lines += ["", f"{group}:"]
        lines += [f"  {c.name:{width}}  {c.help}" for c in COMMANDS if c.group == group]
    lines += ["", "`mmc COMMAND --help` lists a command's options."]
    lines += [f"Not available yet: {', '.join(later.NAMES)}."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
