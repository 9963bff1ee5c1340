"""`mmc sensitivity`: what each layer's weights at 8, 4 and 2 bits save, and the error they make."""

from __future__ import annotations

import argparse

from mmc.arguments import Parser
from mmc.commands import Command
from mmc.commands.options import add_calibration, add_output, add_shapes, compile_options


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file")
    parser.add_argument(
        "--target", default="", metavar="T", help="in this target's form (default: standard ONNX)"
    )
    add_shapes(parser)
    add_calibration(parser)
    parser.add_argument(
        "--report", metavar="FILE.json|FILE.svg", help="write all figures, or draw them"
    )
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, print, write."""
    from mmc.auto.sensitivities import measure
    from mmc.progress import shown
    from mmc.reports.sensitivity import check_path, print_sensitivity, write_sensitivity

    if args.report:
        check_path(args.report)
    with shown(args.model, quiet=args.quiet, verbose=args.verbose) as progress:
        found = measure(args.model, compile_options(args), args.target, progress=progress)
    if args.report:
        write_sensitivity(found, args.report)
    if not args.quiet:
        print_sensitivity(found, as_json=args.json, every=args.verbose)
    return 0


COMMAND = Command(
    "sensitivity",
    "compile",
    "how much the outputs err when one layer is int8, int4, int2",
    configure,
    run,
)
