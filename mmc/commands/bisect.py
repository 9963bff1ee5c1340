"""`mmc bisect`: which pass, node and tensor goes wrong first."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmc.arguments import Parser, decibels
from mmc.commands import Command
from mmc.commands.options import add_form, add_output, add_shapes, compile_options
from mmc.counting import counted
from mmc.findings import printable

if TYPE_CHECKING:
    from mmc.debugging.bisection import Bisection


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file")
    parser.add_argument("--target", required=True, metavar="T", help="`mmc targets` lists them")
    parser.add_argument("--inputs", metavar="X.npz", help="arrays by input name (default: drawn)")
    parser.add_argument(
        "--tolerance",
        type=decibels,
        metavar="DB",
        help="least SQNR in dB (default: 80, or 10 below the model's rounding floor)",
    )
    parser.usage = "mmc bisect MODEL --target T [options] [-- CMD {}]"
    parser.epilog = "CMD judges each model instead of numbers: {} is its path, exit code 0 is good."
    add_shapes(parser)
    add_form(parser)
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Search; 1 if something is wrong."""
    from mmc.debugging.bisection import bisect

    options = compile_options(args)
    found = bisect(
        args.model, args.target, options, tolerance_db=args.tolerance, command=args.check
    )
    if args.json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        for line in lines(found, quiet=args.quiet):
            print(printable(line))
    return int(found.guilty != "nothing")


def lines(found: Bisection, *, quiet: bool = False) -> Iterator[str]:
    """Yield the story: what was tried, then who it was."""
    if not quiet:
        yield f"{counted(found.states, 'model')}, from the loaded one to the last pass"
        for step in found.steps:
            yield f"  {'good' if step.good else 'BAD '}  {step.what}" + (
                f": {step.detail}" if step.detail else ""
            )
        if found.note:
            yield f"note: {found.note}"
    if found.guilty == "nothing":
        yield "nothing leaves the tolerance"
        return
    who = {
        "original": "the command refuses the original model too: no pass made it so",
        "loading": "loading the model is wrong already: conversion to the working form",
        "emission": "the passes are right; the artifact differs from the last model",
        "pass": f"first wrong after pass {found.passed!r}, run {found.run}, phase {found.phase!r}",
    }
    yield who[found.guilty]
    if found.tensor:
        yield f"  tensor  {found.tensor.name!r}: {found.shortfall}"
    for node in found.nodes:
        yield f"  node    {node}"


COMMAND = Command(
    "bisect", "debug", "find the pass, node and tensor that go wrong", configure, run, True
)
