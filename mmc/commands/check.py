"""`mmc check`: what stops a model from running on a target, or runs beside its NPU."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from mmc.arguments import Parser
from mmc.commands import Command
from mmc.commands.options import add_form, add_output, add_shapes, add_vendor, compile_options


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument("model", metavar="MODEL|ARTIFACT", help=".onnx or .tflite file")
    parser.add_argument("--target", required=True, metavar="T", help="`mmc targets` lists them")
    add_shapes(parser)
    add_form(parser)
    add_vendor(parser)
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Print every finding; 1 if one is an error or off the NPU."""
    from mmc.checking import check_whole
    from mmc.diagnostics import Severity
    from mmc.reports.text import print_findings

    found = check_whole(args.model, args.target, compile_options(args))
    findings = found.diagnostics
    if args.json:
        report = {
            "schema": "mmc.check-report/1",
            "model": args.model,
            "target": args.target,
            "diagnostics": [d.to_json() for d in findings],
            "vendor": [asdict(v) for v in found.vendor],
        }
        print(json.dumps(report, indent=2))
    elif findings or not args.quiet:
        print_findings(findings, verbose=args.verbose)
        if not findings:
            print(f"{args.model}: all of it runs on {args.target}")
    return int(any(d.severity is not Severity.NOTE for d in findings))


COMMAND = Command("check", "compile", "say what a target cannot take", configure, run)
