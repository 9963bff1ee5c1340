"""`mmc reduce`: the smallest model for which a check still fails."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmc.arguments import Parser, positive
from mmc.commands import Command
from mmc.commands.options import add_shapes, compile_options
from mmc.counting import counted


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.usage = "mmc reduce MODEL [options] -- CMD {}"
    parser.epilog = "CMD is a check: {} is the model's path, an exit code other than 0 a failure."
    parser.add_argument("model", metavar="MODEL", help="ONNX file")
    parser.add_argument("-o", "--output", metavar="OUT.onnx", help="default: <stem>.reduced.onnx")
    parser.add_argument("--exit-code", type=int, metavar="N", help="only this code is the failure")
    parser.add_argument("--text", default="", help="only output with this text is the failure")
    parser.add_argument(
        "--seconds",
        type=positive("--seconds"),
        default=300,
        metavar="S",
        help="time limit (default: 300)",
    )
    add_shapes(parser)
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def run(args: argparse.Namespace) -> int:
    """Reduce and write."""
    from mmc.debugging.reduction import Failure, reduce_model

    output = args.output or f"{Path(args.model).stem}.reduced.onnx"
    failure = Failure(tuple(args.check), args.exit_code, args.text)
    done = reduce_model(args.model, output, failure, compile_options(args), seconds=args.seconds)
    if not args.quiet:
        how = "nothing smaller fails" if done.finished else "time is up; --seconds gives more"
        print(f"{output}: {done.nodes_before} -> {counted(done.nodes, 'node')}, ", end="")
        print(f"{done.bytes_before} -> {done.bytes} bytes")
        print(f"{counted(done.tries, 'check')} in {done.seconds:.1f} s; {how}")
    return 0


COMMAND = Command("reduce", "debug", "shrink a model that fails a check", configure, run, True)
