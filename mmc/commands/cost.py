"""`mmc cost`: what one inference takes on a device of a target."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from mmc.arguments import Parser
from mmc.commands import Command
from mmc.commands.options import add_calibration, add_form, add_output, add_shapes, compile_options
from mmc.findings import printable

if TYPE_CHECKING:
    from mmc.cost import CostEstimate

OPS_SHOWN = 10


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument("model", metavar="MODEL|ARTIFACT", help="ONNX file or artifact")
    parser.add_argument("--target", required=True, metavar="T", help="hexagon_* or ane_*")
    add_shapes(parser)
    add_form(parser)
    add_calibration(parser)
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Print the estimate."""
    from mmc.costing import cost_file

    found = cost_file(args.model, args.target, compile_options(args))
    if args.json:
        print(json.dumps(found.to_json() | {"model": args.model}, indent=2))
    elif not args.quiet:
        print_cost(found, len(found.ops) if args.verbose else OPS_SHOWN)
    return 0


def print_cost(found: CostEstimate, shown: int) -> None:
    """Print the figures, then the operators that take longest."""
    from mmc.reports.cost import cost_rows

    rows = [("target", f"{found.target}: {found.device}, {found.confidence}")]
    for label, text in [*rows, *cost_rows(found)]:
        print(f"{label:12}{text}")
    slowest = sorted(found.ops, key=lambda op: -op.latency_ms)[:shown]
    if slowest:
        print(f"\n{'ms':>8}  {'%':>5}  {'GMAC':>7}  {'MB':>7}  bound     operator")
    for op in slowest:
        share = 100 * op.latency_ms / found.latency_ms
        size = f"{op.macs / 1e9:7.3f}  {op.bytes / 1e6:7.2f}"
        line = f"{op.latency_ms:8.4f}  {share:5.1f}  {size}  {op.bound:8}  {op.kind} '{op.name}'"
        print(printable(line))
    if len(found.ops) > len(slowest):
        print(f"... and {len(found.ops) - len(slowest)} more operators (--verbose shows all)")


COMMAND = Command("cost", "compile", "estimate latency, energy and memory", configure, run)
