"""`mmc extract`: a part of a model as a model of its own."""

from __future__ import annotations

import argparse

from mmc.arguments import Parser
from mmc.commands import Command
from mmc.counting import counted
from mmc.findings import printable


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file")
    for name, help_text in (
        ("from", "tensors that become the inputs (default: the model's inputs)"),
        ("to", "tensors that become the outputs (default: the model's outputs)"),
    ):
        parser.add_argument(
            f"--{name}",
            dest="begin" if name == "from" else "end",
            action="extend",
            nargs="+",
            default=[],
            metavar="TENSOR",
            help=help_text,
        )
    parser.add_argument("-o", "--output", required=True, metavar="OUT.onnx", help="where it goes")
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def run(args: argparse.Namespace) -> int:
    """Cut and write."""
    from mmc.debugging.extraction import extract

    done = extract(args.model, args.output, args.begin, args.end)
    if not args.quiet:
        print(f"{args.output}: {done.nodes} of {counted(done.nodes_before, 'node')}")
        print(printable(f"  inputs   {', '.join(done.inputs)}"))
        print(printable(f"  outputs  {', '.join(done.outputs)}"))
    return 0


COMMAND = Command("extract", "debug", "cut a part out of an ONNX model", configure, run)
