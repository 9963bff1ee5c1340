"""`mmc opt`: run passes over an ONNX model and write ONNX."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmc.arguments import Parser
from mmc.commands import Command
from mmc.commands.options import add_shapes, compile_options
from mmc.counting import counted
from mmc.diagnostics import UsageError


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="ONNX file")
    parser.add_argument(
        "-p",
        "--pipeline",
        metavar="PIPELINE",
        help='passes such as "fold-constants,fuse", or a name: default, tflite',
    )
    parser.add_argument("-o", "--output", metavar="OUT.onnx", help="where the model goes")
    add_shapes(parser)
    group = parser.add_argument_group("checking and looking")
    group.add_argument("--inputs", metavar="X.npz", help="inputs of --check")
    group.add_argument("--check", action="store_true", help="compare the model after every pass")
    group.add_argument(
        "--check-layers", action="store_true", help="the same for every tensor that keeps its name"
    )
    group.add_argument("--dump-ir", metavar="DIR", help="write the model after every pass")
    group.add_argument("--time", action="store_true", help="print what every pass took")
    group.add_argument("--explain", metavar="RULE", help="say why a rule did not match")
    group.add_argument("--reproduce", metavar="DIR", help="replay a failure that mmc wrote there")
    group.add_argument("--quiet", action="store_true", help="print errors only")


def run(args: argparse.Namespace) -> int:
    """Run the pipeline and write the model."""
    from mmc.optimizer import losses, optimize, reproduce
    from mmc.reports.text import print_findings, print_passes

    if args.reproduce:
        reproduce(Path(args.reproduce))
        print("the failure does not happen any more")
        return 0
    if not args.model or not (args.output or args.explain):
        raise UsageError("MMC003", "mmc opt", "needs MODEL and -o OUT.onnx")
    done = optimize(
        args.model,
        args.output,
        args.pipeline,
        compile_options(args),
        dump_ir=Path(args.dump_ir) if args.dump_ir else None,
        check=args.check,
        check_layers=args.check_layers,
        explain=args.explain,
    )
    for line in done.explanations:
        print(line)
    if args.time:
        print_passes(done.passes)
    if not args.quiet:
        for line in losses(done.passes):
            print(line)
        print_findings(done.diagnostics)
    if args.output and not args.quiet:
        print(f"{args.output}: {done.nodes_before} -> {counted(done.nodes, 'node')}")
    return 0


COMMAND = Command("opt", "compile", "run passes, ONNX to ONNX", configure, run)
