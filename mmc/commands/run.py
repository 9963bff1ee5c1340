"""`mmc run`: execute an artifact on this machine, inputs and outputs under the ONNX names."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmc.arguments import Parser, one_of
from mmc.commands import Command
from mmc.commands.options import add_choice
from mmc.findings import printable


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument("artifact", metavar="ARTIFACT", help=".tflite or .mlpackage (or .onnx)")
    parser.add_argument("--inputs", required=True, metavar="X.npz", help="arrays by input name")
    parser.add_argument("-o", "--output", required=True, metavar="Y.npz", help="where outputs go")
    parser.add_argument(
        "--on",
        type=one_of(("host", *(f"hexagon_v{n}" for n in (68, 69, 73, 75, 79, 81))), (), "--on"),
        default="host",
        metavar="host|hexagon_v73",
        help="where it runs; hexagon_*: Qualcomm's emulator of the NPU (extra: hexagon)",
    )
    text = "float16: round every result as the engine of a .mlpackage does"
    add_choice(parser, "--precision", ("float32", "float16"), text, default="float32")
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def run(args: argparse.Namespace) -> int:
    """Run it in a child process."""
    from mmc.api import run
    from mmc.files import check_output, read_npz, write_npz

    check_output(Path(args.output))
    outputs = run(args.artifact, read_npz(args.inputs), precision=args.precision, on=args.on)
    write_npz(args.output, outputs)
    if not args.quiet:
        for name, value in outputs.items():
            print(f"{printable(name)}: {value.dtype}{list(value.shape)}")
        print(args.output)
    return 0


COMMAND = Command("run", "run and look", "run an artifact on this machine", configure, run)
