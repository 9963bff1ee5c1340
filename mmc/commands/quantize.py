"""`mmc quantize`: a model with integer weights, as standard ONNX."""

from __future__ import annotations

import argparse

from mmc.arguments import Parser, one_of
from mmc.commands import Command
from mmc.commands.options import (
    add_calibration,
    add_choice,
    add_outliers,
    add_recipe,
    add_shapes,
    compile_options,
)
from mmc.counting import counted


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file")
    parser.add_argument("-o", "--output", required=True, metavar="OUT.onnx", help="where it goes")
    add_shapes(parser)
    parser.add_argument(
        "--weights",
        type=one_of(("int8", "int4", "int2"), ("auto",), "--weights"),
        metavar="int8|int4|int2",
        help="type of the stored weights (default: int8)",
    )
    add_recipe(parser)
    add_calibration(parser)
    kinds = ("float", "int8", "int16")
    text = "type of activations (default: float): QuantizeLinear and DequantizeLinear around them"
    add_choice(parser, "--activations", kinds, text)
    add_outliers(parser)
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.later(("--evaluation", 1), ("--metric", 1))


def run(args: argparse.Namespace) -> int:
    """Clean, fuse, quantize and write."""
    from mmc.integers.quantization import quantize_file
    from mmc.reports.sensitivity import NOTHING
    from mmc.reports.text import float_rows

    done = quantize_file(args.model, args.output, compile_options(args))
    if not args.quiet:
        weights = counted(done.weights, "weight as an integer", "weights as integers")
        print(f"{args.output}: {weights}, {counted(done.nodes, 'node')}")
        if not done.weights:
            print(NOTHING)
        for label, text in float_rows(done.kept_float):
            print(f"  {label:12}{text}")
    return 0


COMMAND = Command("quantize", "compile", "store weights as integers, ONNX to ONNX", configure, run)
