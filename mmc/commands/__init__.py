"""One module a command: `configure` its parser, then `run`: one library call, one report, a code.

Importing these modules is cheap: what is heavy is imported inside `run`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from mmc.arguments import Parser


@dataclass(frozen=True)
class Command:
    """A subcommand. `group` is the task under which --help lists it.

    With `takes_check`, what stands behind `--` is a command of the user's: `args.check`.
    """

    name: str
    group: str
    help: str
    configure: Callable[[Parser], None]
    run: Callable[[argparse.Namespace], int]
    takes_check: bool = False
